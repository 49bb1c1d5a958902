"""How processes of a real sandbox end: by themselves, by a signal, by a limit."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.sandbox import EndReason, OutputChunk
from tests.support.sandbox import SandboxClient, SandboxServer, running_sandbox
from tests.support.waiting import PATIENCE_S, eventually

# A child that ignores TERM, leaves the session by forking twice, and says its pid when it is settled.
RUNAWAY = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(os.getpid())
        if CLOSE:
            for n in (0, 1, 2): os.close(n)
        time.sleep(300)
    os._exit(0)
os.wait()
"""
IGNORE_AND_WAIT = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(300)"


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with running_sandbox() as started:
        yield started


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[SandboxClient]:
    async with server.client() as made:
        yield made


@pytest.fixture
async def workspace(client: SandboxClient) -> str:
    return (await client.workspace())["name"]


async def first_line(client: SandboxClient, process_id: str) -> str:
    async for record in client.records(process_id, stream="stdout"):
        if isinstance(record, OutputChunk):
            return record.text.splitlines()[0]
    raise AssertionError("no output")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


async def test_ending_kills_a_double_forked_child_that_ignores_term(client: SandboxClient, workspace: str) -> None:
    code = "CLOSE = False\n" + RUNAWAY + IGNORE_AND_WAIT
    process_id = await client.python(workspace, code)
    pid = int(await first_line(client, process_id))
    assert alive(pid)
    answer = await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": 100})
    assert answer.json()["reason"] == "cancelled"
    assert answer.json()["signal"] == signal.SIGKILL
    assert not alive(pid)


async def test_what_a_process_leaves_behind_ends_with_it(client: SandboxClient, workspace: str) -> None:
    text, process = await client.run(workspace, "CLOSE = True\n" + RUNAWAY + "time.sleep(0.2)")
    assert (process.reason, process.exit_code) == (EndReason.EXITED, 0)
    assert not alive(int(text))


async def test_term_gives_time_to_clean_up(client: SandboxClient, workspace: str) -> None:
    code = (
        "import signal, sys, time\n"
        "def stop(*_):\n    time.sleep(0.2); print('cleaned'); sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, stop)\nprint('ready\\n', end='')\ntime.sleep(300)"
    )
    process_id = await client.python(workspace, code)
    await first_line(client, process_id)
    answer = await client.http.delete(f"/v1/processes/{process_id}")
    assert (answer.json()["reason"], answer.json()["exit_code"]) == ("cancelled", 3)
    assert (await client.finish(process_id))[0] == "ready\ncleaned\n"


async def test_ending_what_has_ended_changes_nothing(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, "raise SystemExit(7)")
    await client.finish(process_id)
    answer = await client.http.delete(f"/v1/processes/{process_id}")
    assert (answer.status_code, answer.json()["reason"], answer.json()["exit_code"]) == (200, "exited", 7)


async def test_the_tree_dies_when_its_supervisor_is_killed(client: SandboxClient, workspace: str) -> None:
    kill = "\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(300)"
    text, process = await client.run(workspace, "CLOSE = True\n" + RUNAWAY + kill)
    assert (process.reason, process.exit_code) == (EndReason.SIGNALLED, None)
    await eventually(lambda: not alive(int(text)))


async def test_a_signal_reaches_the_whole_group(client: SandboxClient, workspace: str) -> None:
    code = (
        "import os, signal, time\n"
        "def heard(*_):\n    print('heard'); os._exit(0)\n"
        "signal.signal(signal.SIGUSR1, heard)\n"
        "child = os.fork()\n"
        "if child: print('ready')\n"
        "time.sleep(300)"
    )
    process_id = await client.python(workspace, code.replace("time.sleep", "signal.pause(); time.sleep"))
    await first_line(client, process_id)
    answer = await client.http.post(f"/v1/processes/{process_id}/signal", json={"signal": "SIGSTOP"})
    assert answer.status_code == 204
    for name in ("SIGUSR1", "SIGCONT"):
        await client.http.post(f"/v1/processes/{process_id}/signal", json={"signal": name})
    text, process = await client.finish(process_id)
    assert "heard" in text
    assert process.exit_code == 0


async def test_an_unknown_signal_is_refused_with_the_known_ones(client: SandboxClient) -> None:
    answer = await client.http.post("/v1/processes/p/signal", json={"signal": "SIGSEGV"})
    assert answer.status_code == 422
    assert "SIGTERM" in answer.json()["errors"][0]["allowed"]


async def test_a_process_that_a_signal_ended_says_so(client: SandboxClient, workspace: str) -> None:
    _, process = await client.run(workspace, "import os, signal; os.kill(os.getpid(), signal.SIGUSR2)")
    assert (process.reason, process.exit_code, process.signal) == (EndReason.SIGNALLED, None, signal.SIGUSR2)


@pytest.mark.parametrize(
    ("limits", "code", "reason"),
    [
        ({"wall_ms": 300}, "import time; time.sleep(300)", EndReason.TIMED_OUT),
        ({"cpu_ms": 300}, "while True: pass", EndReason.CPU_LIMIT),
        ({"output_mb": 1}, "while True: print('x' * 1000)", EndReason.OUTPUT_LIMIT),
        ({"memory_mb": 64}, "x = b'x' * 200_000_000; import time; time.sleep(300)", EndReason.MEMORY),
        (
            {"processes": 5},
            "import os, time\nfor _ in range(10):\n    if os.fork() == 0: break\ntime.sleep(300)",
            EndReason.PROCESS_LIMIT,
        ),
    ],
    ids=["wall", "cpu", "output", "memory", "processes"],
)
async def test_a_limit_ends_the_process_and_is_named_as_the_reason(
    client: SandboxClient, workspace: str, limits: dict[str, int], code: str, reason: EndReason
) -> None:
    process_id = await client.python(workspace, code, limits=limits)
    async with asyncio.timeout(PATIENCE_S):
        _, process = await client.finish(process_id)
    assert process.reason is reason
    assert process.output_truncated is (reason is EndReason.OUTPUT_LIMIT)


async def test_output_is_cut_at_its_limit_and_what_was_before_is_kept(client: SandboxClient, workspace: str) -> None:
    text, process = await client.run(workspace, "while True: print('x' * 99)", limits={"output_mb": 1})
    assert len(text) == process.stdout_bytes == 1024 * 1024
    assert text.startswith("x" * 99 + "\n")


async def test_children_count_towards_the_limit_of_memory(client: SandboxClient, workspace: str) -> None:
    code = "import os, time\nfor _ in range(3):\n    if os.fork() == 0: break\nx = b'x' * 30_000_000\ntime.sleep(300)"
    _, process = await client.run(workspace, code, limits={"memory_mb": 100})
    assert process.reason is EndReason.MEMORY
    assert process.usage.memory_peak_mb > 100


async def test_a_file_above_its_limit_is_an_error_of_the_process(client: SandboxClient, workspace: str) -> None:
    code = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nopen('big', 'wb').write(b'x' * 3_000_000)"
    text, process = await client.run(workspace, code, limits={"file_mb": 1})
    assert "File too large" in text
    assert process.exit_code == 1


async def test_open_files_are_limited(client: SandboxClient, workspace: str) -> None:
    code = "files = [open('/dev/null') for _ in range(100)]"
    text, _ = await client.run(workspace, code, limits={"open_files": 50})
    assert "Too many open files" in text


async def test_a_limit_above_the_ceiling_is_refused(client: SandboxClient, workspace: str) -> None:
    body = {"workspace": workspace, "argv": ["true"], "limits": {"memory_mb": 10_000_000}}
    answer = await client.http.post("/v1/processes", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "limit_too_high")


async def test_use_is_measured_over_the_tree(client: SandboxClient, workspace: str) -> None:
    code = "import os, time\nos.fork()\nx = b'x' * 20_000_000\ntime.sleep(300)"
    process_id = await client.python(workspace, code)

    async def usage() -> dict[str, Any]:
        return (await client.http.get(f"/v1/processes/{process_id}/usage")).json()

    async def is_seen() -> bool:
        seen = await usage()
        return seen["processes"] == 2 and seen["memory_mb"] > 38

    await eventually(is_seen)
    await client.http.delete(f"/v1/processes/{process_id}")
    after = await usage()
    assert (after["processes"], after["memory_mb"]) == (0, 0)
    assert after["memory_peak_mb"] > 38


async def test_cpu_time_includes_children_that_came_and_went(client: SandboxClient, workspace: str) -> None:
    burn = "import time, os\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    code = f"import subprocess, sys\nfor _ in range(2): subprocess.run([sys.executable, '-c', {burn!r}])"
    _, process = await client.run(workspace, code)
    assert process.usage.cpu_ms >= 600
