"""Commands that reach for what is not theirs: paths outside, other workspaces, secrets, the socket, other processes.

What does not hold without bubblewrap is shown not to hold, and that `/readyz` says so.
"""

import os
from pathlib import Path

import psutil
import pytest

from contracts.sandbox import EndReason
from tests.chaos.sandbox.conftest import SECRET, SETTINGS, skip_unless_ready
from tests.support import attacks
from tests.support.sandbox import UNPRIVILEGED_UID, SandboxClient, SandboxServer, launch, running_sandbox
from tests.support.waiting import eventually

LONG = {"wall_ms": 90_000, "cpu_ms": 60_000, "disk_mb": 30}
ALONE_UID = UNPRIVILEGED_UID + 10_000
only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give the sandbox a user other than the worker's")


@pytest.fixture
def outside(server: SandboxServer, workspace: str) -> Path:
    """A folder beside the workspaces that anybody could write, with a secret in it."""
    folder = server.root.parent / f"outside-{workspace}"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "f").write_text(SECRET)
    (folder / "f").chmod(0o666)
    return folder


async def protected_by_bubblewrap(client: SandboxClient) -> bool:
    told = (await client.http.get("/readyz")).json()["protections"]
    return next(item for item in told if item["name"] == "bubblewrap")["on"]


async def test_a_link_that_is_swapped_thousands_of_times_leads_nowhere(
    client: SandboxClient, workspace: str, outside: Path
) -> None:
    process_id = await client.python(workspace, attacks.swaps(str(outside)), limits=LONG)
    async for _ in client.records(process_id):
        break
    for number in range(500):
        read = await client.http.get(f"/v1/files/{workspace}/a/f")
        assert SECRET not in read.text
        await client.http.put(f"/v1/files/{workspace}/a/new{number % 5}", content=b"escaped")
    ended = (await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": 0})).json()
    assert ended["reason"] == "cancelled"
    assert ended["stdout_bytes"] > 5, "thousands of swaps"
    assert _contents(outside) == {"f": SECRET}


@pytest.mark.parametrize("path", ["../home/x", "..%2f..%2fx", "/etc/passwd", "%2fetc%2fpasswd", "a/../../x", "link/f"])
async def test_no_path_leads_out_of_a_workspace(
    client: SandboxClient, workspace: str, outside: Path, path: str
) -> None:
    await client.run(workspace, f"import os; os.mkdir('a'); os.symlink({str(outside)!r}, 'link')")
    for method in ("GET", "PUT"):
        answer = await client.http.request(method, f"/v1/files/{workspace}/{path}", content=b"x")
        assert answer.status_code in (403, 404, 405), answer.text
    assert _contents(outside) == {"f": SECRET}


async def test_no_secret_is_in_the_environment_of_anything_that_can_be_read(
    client: SandboxClient, workspace: str
) -> None:
    text, process = await client.run(workspace, attacks.ENVIRONMENTS)
    assert process.exit_code == 0
    assert SECRET not in text


@only_root
async def test_a_command_gets_nothing_from_the_socket(
    server: SandboxServer, client: SandboxClient, workspace: str
) -> None:
    text, _ = await client.run(workspace, attacks.asks(str(server.socket)))
    if await protected_by_bubblewrap(client):
        assert text == "no socket\n"
    else:
        assert text.startswith("HTTP/1.1 403 ")
        assert "peer_refused" in text


async def test_files_of_the_same_user_are_out_of_reach_where_readyz_says_that_bubblewrap_is_on(
    client: SandboxClient, workspace: str
) -> None:
    other = await client.workspace()
    code = "import os\nopen('f', 'w').write('theirs')\nos.chmod('f', 0o600)\nopen(os.path.expanduser('~/f'), 'w')"
    await client.run(other["name"], code)
    folder = Path(other["path"]).parent
    files = [str(path) for path in folder.rglob("*") if path.is_file()]
    text, _ = await client.run(workspace, attacks.reads(*files) + "\n" + attacks.writes(str(folder / "tree" / "f")))
    refused = [line == "refused" for line in text.splitlines()]
    assert len(refused) == len(files) + 1 > 2
    if await protected_by_bubblewrap(client):
        assert all(refused)
        assert (await client.http.get(f"/v1/files/{other['name']}/f")).text == "theirs"
    else:
        assert not any(refused)


async def test_processes_of_the_same_user_tell_nothing_and_obey_nobody_under_bubblewrap(
    server: SandboxServer, client: SandboxClient, workspace: str
) -> None:
    if not await protected_by_bubblewrap(client):
        pytest.skip("without bubblewrap a command can signal what runs as the same user")
    own, supervisor = server.process.pid, await _supervisor_of_another(server, client)
    files = [f"/proc/{pid}/{name}" for pid in (own, supervisor) for name in ("environ", "root/etc/group")]
    signals = f"\nimport os\nfor pid in {(own, supervisor)}:\n    try: os.kill(pid, 9); print('killed')\n"
    text, _ = await client.run(workspace, f"{attacks.reads(*files)}{signals}    except OSError: print('refused')")
    assert text.split() == ["refused"] * 6


@only_root
async def test_whoever_kills_all_of_its_user_kills_at_most_the_sandbox_and_does_not_outlive_its_next_start(
    mode: str,
) -> None:
    settings = {**SETTINGS, "SANDBOX_BUBBLEWRAP": mode}
    with running_sandbox(settings, uid=ALONE_UID) as first:
        skip_unless_ready(first)
        async with first.client() as client:
            workspace = (await client.workspace())["name"]
            process_id = await client.python(workspace, attacks.KILLS_ALL)
            if mode == "required":
                _, process = await client.finish(process_id)
                assert process.reason is EndReason.SIGNALLED
                await eventually(lambda: _running_as(ALONE_UID) == [first.process.pid])
                return
            await eventually(lambda: first.process.poll() is not None, within=20)
        again = launch(first.root.parent, settings, uid=ALONE_UID)
        async with again.client() as client:
            assert (await client.finish(process_id))[1].reason is EndReason.LOST
        assert _running_as(ALONE_UID) == [again.process.pid]
        again.stop()


def _contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


async def _supervisor_of_another(server: SandboxServer, client: SandboxClient) -> int:
    other = (await client.workspace())["name"]
    await client.start(other, "sleep", "300", limits={"wall_ms": 20_000})
    return psutil.Process(server.process.pid).children()[-1].pid


def _running_as(uid: int) -> list[int]:
    found = psutil.process_iter(["uids", "status"])
    return [one.pid for one in found if one.info["uids"].real == uid and one.info["status"] != psutil.STATUS_ZOMBIE]
