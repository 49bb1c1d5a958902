"""The sandbox under bubblewrap: what a command can see and change."""

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from contracts.sandbox import EndReason
from tests.support.sandbox import SandboxClient, SandboxServer, needs_bubblewrap, running_sandbox
from tests.support.waiting import eventually

pytestmark = needs_bubblewrap


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("credentials")
    (folder / "key").write_text("secret")
    return folder


@pytest.fixture(scope="module")
def server(hidden: Path) -> Iterator[SandboxServer]:
    with running_sandbox({"SANDBOX_BUBBLEWRAP": "required", "SANDBOX_HIDDEN_PATHS": str(hidden)}) as started:
        yield started


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[SandboxClient]:
    async with server.client() as made:
        yield made


@pytest.fixture
async def workspace(client: SandboxClient) -> str:
    return (await client.workspace())["name"]


async def test_it_says_that_bubblewrap_is_on(client: SandboxClient) -> None:
    answer = (await client.http.get("/readyz")).json()
    assert answer["ready"]
    assert next(item for item in answer["protections"] if item["name"] == "bubblewrap")["on"]


async def test_only_the_workspace_can_be_written(client: SandboxClient, workspace: str) -> None:
    code = (
        "import os\n"
        "for path in ('here', os.path.expanduser('~/x'), os.environ['TMPDIR'] + '/x', '/etc/x', '/usr/x', '/var/x'):\n"
        "    try: open(path, 'w'); print('written')\n"
        "    except OSError as error: print(error.strerror)\n"
    )
    text, _ = await client.run(workspace, code)
    assert text.splitlines() == ["written"] * 3 + ["Read-only file system"] * 3


async def test_other_workspaces_the_socket_and_hidden_paths_are_out_of_sight(
    client: SandboxClient, workspace: str, server: SandboxServer, hidden: Path
) -> None:
    await client.workspace()
    code = (
        "import os, socket\n"
        f"print(os.listdir({str(server.root)!r}))\n"
        f"print(os.path.exists({str(hidden / 'key')!r}))\n"
        f"try: socket.socket(socket.AF_UNIX).connect({str(server.socket)!r}); print('connected')\n"
        "except OSError: print('no socket')\n"
    )
    text, _ = await client.run(workspace, code)
    assert text.splitlines() == [str([workspace]), "False", "no socket"]


async def test_other_processes_are_out_of_sight(client: SandboxClient, workspace: str) -> None:
    text, _ = await client.run(workspace, "import os; print(sorted(n for n in os.listdir('/proc') if n.isdigit()))")
    assert text.strip() == "['1', '2', '3']"


async def test_the_network_is_shared(client: SandboxClient, workspace: str) -> None:
    here = sorted(psutil.net_if_addrs())
    text, _ = await client.run(workspace, "import socket; print(sorted(n for _, n in socket.if_nameindex()))")
    assert set(here) <= set(eval(text))


async def test_term_gives_time_to_clean_up(client: SandboxClient, workspace: str) -> None:
    code = (
        "import signal, sys, time\n"
        "def stop(*_):\n    time.sleep(0.2); print('cleaned'); sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, stop)\nprint('ready')\ntime.sleep(300)"
    )
    process_id = await client.python(workspace, code)
    async for _ in client.records(process_id):
        break
    answer = (await client.http.delete(f"/v1/processes/{process_id}")).json()
    assert (answer["reason"], answer["exit_code"]) == ("cancelled", 3)


async def test_what_ignores_term_and_forks_away_is_killed(client: SandboxClient, workspace: str) -> None:
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork(): os._exit(0)\n"
        "print('up', flush=True); time.sleep(300)"
    )
    process_id = await client.python(workspace, code)
    async for _ in client.records(process_id):
        break
    ours = [found for found in psutil.process_iter(["cmdline"]) if code in (found.info["cmdline"] or [])]
    answer = (await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": "100"})).json()
    assert (answer["reason"], answer["signal"]) == ("cancelled", signal.SIGKILL)
    await eventually(lambda: not any(found.is_running() for found in ours))


@pytest.mark.parametrize(
    ("limits", "code", "reason"),
    [
        ({"memory_mb": 64}, "x = b'x' * 200_000_000; import time; time.sleep(300)", EndReason.MEMORY),
        ({"cpu_ms": 300}, "while True: pass", EndReason.CPU_LIMIT),
        ({"output_mb": 1}, "while True: print('x' * 1000)", EndReason.OUTPUT_LIMIT),
    ],
)
async def test_limits_hold(
    client: SandboxClient, workspace: str, limits: dict[str, int], code: str, reason: EndReason
) -> None:
    _, process = await client.run(workspace, code, limits=limits)
    assert process.reason is reason


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for command in (
        "init -q repository",
        "-C repository -c user.name=a -c user.email=a@b commit -q --allow-empty -m x",
    ):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    return tmp_path / "repository"


async def test_git_works_and_cannot_reach_out(client: SandboxClient, repository: Path, tmp_path: Path) -> None:
    made = await client.workspace({"kind": "git", "url": str(repository)})
    # A filter is run by `git add`: here, when the sandbox records the result.
    outside = tmp_path / "reached"
    code = (
        "import subprocess\n"
        "open('.gitattributes', 'w').write('* filter=evil\\n')\n"
        f"subprocess.run(['git', 'config', 'filter.evil.clean', 'touch {outside}; cat'], check=True)\n"
    )
    _, process = await client.run(made["name"], code)
    assert process.exit_code == 0
    answer = await client.http.post(f"/v1/workspaces/{made['name']}/checkout", json={"target": f"{made['name']}.v"})
    assert (answer.status_code, answer.json()["committed"]) == (201, True)
    assert not outside.exists()


async def test_nothing_that_has_ended_is_left_uncollected(server: SandboxServer, client: SandboxClient) -> None:
    process = psutil.Process(server.process.pid)
    for _ in range(3):
        made = await client.workspace()
        await client.run(made["name"], "pass")
        await client.http.get(f"/v1/workspaces/{made['name']}/diff")

    def is_clean() -> bool:
        return not process.children()

    await eventually(is_clean)
