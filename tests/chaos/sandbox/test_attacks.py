"""Attacks on a real sandbox, by commands of an unprivileged user: each is held, and the sandbox goes on answering.

What is attacked is small, so that an attack that is not held cannot take the machine down.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from contracts.sandbox import EndReason, Process
from tests.support.sandbox import (
    UNPRIVILEGED_UID,
    SandboxClient,
    SandboxServer,
    needs_bubblewrap,
    running_sandbox,
)
from tests.support.waiting import eventually

SECRET = "a-secret-of-the-sandbox"
LIMITS = {"memory_mb": 100, "processes": 40, "output_mb": 2, "disk_mb": 30, "wall_ms": 20_000, "cpu_ms": 10_000}
SMALL = {
    "SANDBOX_MAX_MEMORY_MB": "200",
    "SANDBOX_MAX_PROCESSES": "60",
    "SANDBOX_MAX_DISK_MB": "100",
    "SANDBOX_MAX_RUNNING": "120",
    "SANDBOX_GRACE_MS": "300",
    "SANDBOX_SECRET": SECRET,
}
FORKS = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
HOG = "import time\nheld = []\nwhile True: held.append(b'x' * 5_000_000)"
HOGS = "import os, time\nfor _ in range(20):\n    if os.fork() == 0: break\nheld = b'x' * 20_000_000\ntime.sleep(300)"
FLOOD = "import os\nfor _ in range(10_000): os.write(1, b'x' * 99_999 + b'\\n')"
NO_NEWLINE = "import os\nfor _ in range(1_000): os.write(1, b'x' * 100_000)"
FILLER = "with open('big', 'wb', buffering=0) as file:\n    while True: file.write(b'x' * 100_000)"
TINY = "n = 0\nwhile True:\n    open(f'{n}', 'w').close(); n += 1"
ZOMBIES = "import os, time\nwhile True:\n    if os.fork() == 0: os._exit(0)"
DEAF = "import os, signal, time\nfor n in range(1, 32):\n    if n not in (9, 19): signal.signal(n, signal.SIG_IGN)\n"
DAEMON = (
    "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(300)\n    os._exit(0)\n"
)
STOPS_SUPERVISOR = "import os, signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(300)"
KILLS_SUPERVISOR = DAEMON + "import signal\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(300)"
STOPS_ITSELF = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"


@pytest.fixture(scope="module", params=["off", pytest.param("required", marks=needs_bubblewrap)])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def server(mode: str) -> Iterator[SandboxServer]:
    with running_sandbox({**SMALL, "SANDBOX_BUBBLEWRAP": mode}, unprivileged=True) as started:
        yield started


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[SandboxClient]:
    async with server.client() as made:
        made.http.timeout = 60
        assert psutil.Process(server.process.pid).uids().real == UNPRIVILEGED_UID
        yield made
        assert (await made.http.get("/healthz")).json() == {"status": "ok"}


@pytest.fixture
async def workspace(client: SandboxClient) -> str:
    return (await client.workspace())["name"]


async def attack(client: SandboxClient, workspace: str, code: str, **limits: int) -> tuple[str, Process]:
    """Let a program attack until it is ended; what it wrote, and how it ended."""
    return await client.run(workspace, code, limits=LIMITS | limits)


def left(server: SandboxServer) -> list[psutil.Process]:
    """What runs below the sandbox."""
    found = psutil.Process(server.process.pid).children(recursive=True)
    return [process for process in found if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(
    ("code", "reasons"),
    [
        (FORKS, {EndReason.PROCESS_LIMIT, EndReason.MEMORY}),
        (HOG, {EndReason.MEMORY}),
        (HOGS, {EndReason.MEMORY}),
        (FLOOD, {EndReason.OUTPUT_LIMIT}),
        (NO_NEWLINE, {EndReason.OUTPUT_LIMIT}),
        (FILLER, {EndReason.DISK_LIMIT}),
        (TINY, {EndReason.DISK_LIMIT, EndReason.CPU_LIMIT}),
        (ZOMBIES, {EndReason.PROCESS_LIMIT, EndReason.EXITED, EndReason.CPU_LIMIT}),
        (KILLS_SUPERVISOR, {EndReason.SIGNALLED}),
    ],
    ids=["forks", "hog", "hogs", "flood", "no-newline", "filler", "tiny-files", "zombies", "kills-supervisor"],
)
async def test_what_takes_too_much_is_ended_and_leaves_nothing(
    server: SandboxServer, client: SandboxClient, workspace: str, code: str, reasons: set[EndReason]
) -> None:
    _, process = await attack(client, workspace, code)
    assert process.reason in reasons
    await eventually(lambda: not left(server), within=10)


@pytest.mark.parametrize(
    "code",
    [DEAF + "time.sleep(300)", DAEMON + "time.sleep(300)", STOPS_SUPERVISOR, STOPS_ITSELF],
    ids=["deaf", "daemon", "stops-supervisor", "stops-itself"],
)
async def test_what_resists_is_ended_all_the_same(
    server: SandboxServer, client: SandboxClient, workspace: str, code: str
) -> None:
    process_id = await client.python(workspace, code, limits=LIMITS)
    answer = (await client.http.delete(f"/v1/processes/{process_id}")).json()
    assert (answer["state"], answer["reason"]) == ("ended", "cancelled")
    await eventually(lambda: not left(server), within=10)


async def test_a_hundred_processes_run_side_by_side(client: SandboxClient, workspace: str) -> None:
    ids = await asyncio.gather(*(client.start(workspace, "sh", "-c", f"echo {n}") for n in range(100)))
    ended = await asyncio.gather(*(client.finish(process_id) for process_id in ids))
    assert [(text, process.exit_code) for text, process in ended] == [(f"{n}\n", 0) for n in range(100)]


async def test_no_secret_is_in_the_environment_of_anything_that_can_be_read(
    client: SandboxClient, workspace: str
) -> None:
    code = (
        "import os\n"
        "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "    try: print(open(f'/proc/{pid}/environ').read())\n"
        "    except OSError: pass\n"
    )
    text, process = await attack(client, workspace, code)
    assert process.exit_code == 0
    assert SECRET not in text


async def test_a_link_that_is_swapped_all_the_time_leads_nowhere(
    server: SandboxServer, client: SandboxClient, workspace: str, tmp_path: Path
) -> None:
    outside = server.root.parent / "outside"
    outside.mkdir(mode=0o777, exist_ok=True)
    outside.chmod(0o777)
    (outside / "f").write_text(SECRET)
    (outside / "f").chmod(0o666)
    code = (
        "import os\nos.mkdir('real'); open('real/f', 'w').write('inside'); os.symlink('real', 'a')\n"
        f"os.symlink({str(outside)!r}, 'b'); os.write(1, b'up\\n')\n"
        "while True:\n    os.rename('a', 'd'); os.rename('b', 'a'); os.rename('a', 'b'); os.rename('d', 'a')"
    )
    process_id = await client.python(workspace, code, limits=LIMITS)
    async for _ in client.records(process_id):
        break
    for number in range(500):
        read = await client.http.get(f"/v1/files/{workspace}/a/f")
        assert SECRET not in read.text
        await client.http.put(f"/v1/files/{workspace}/a/new{number % 5}", content=b"escaped")
    await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": 0})
    assert [path.name for path in outside.iterdir()] == ["f"]
    for path in ("../home/x", "..%2f..%2fx", "/etc/passwd", "real/../../x"):
        assert (await client.http.get(f"/v1/files/{workspace}/{path}")).status_code in (403, 404)
    assert (outside / "f").read_text() == SECRET


async def test_arguments_and_environments_of_any_size_are_refused_or_run(client: SandboxClient, workspace: str) -> None:
    for body in ({"argv": ["true", *["x" * 131_071] * 40]}, {"argv": ["true"], "env": {"A": "x" * 200_000}}):
        answer = await client.http.post("/v1/processes", json={"workspace": workspace, **body})
        assert answer.status_code == 422
