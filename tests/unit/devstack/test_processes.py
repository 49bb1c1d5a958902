import asyncio
import signal
import subprocess
import sys
from pathlib import Path

from devstack.processes import ProcessId, all_pids, identify, is_alive, send, spawn, stop, until_ended
from tests.support.waiting import PATIENCE_S, eventually

FAMILY = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(child.pid, flush=True)
signal.pause()
"""


def started(child: subprocess.Popen[bytes]) -> ProcessId:
    process = identify(child.pid)
    assert process is not None
    return process


async def test_a_process_that_ignores_the_signal_is_killed_with_its_children(tmp_path: Path):
    output = tmp_path / "out"
    with spawn([sys.executable, "-c", FAMILY], output=output) as parent:
        await eventually(lambda: output.exists() and output.read_text().endswith("\n"))
        child = identify(int(output.read_text()))
        process = started(parent)
        assert child is not None
        stop(process, within=0.2)
        assert not is_alive(process)
        assert not is_alive(child)
        stop(process)


def test_a_process_with_a_recycled_id_is_not_touched(tmp_path: Path):
    with spawn([sys.executable, "-c", "import signal; signal.pause()"], output=tmp_path / "out") as child:
        process = started(child)
        predecessor = ProcessId(process.pid, process.started - 1)
        send(predecessor, signal.SIGKILL)
        stop(predecessor)
        assert is_alive(process)
        stop(process)


async def test_a_zombie_counts_as_gone(tmp_path: Path):
    with spawn(["/bin/true"], output=tmp_path / "out") as child:
        await eventually(lambda: identify(child.pid) is None)
        assert child.pid in all_pids()


async def test_the_end_of_a_process_is_noticed(tmp_path: Path):
    with spawn([sys.executable, "-c", "import signal; signal.pause()"], output=tmp_path / "out") as child:
        process = started(child)
        waiting = asyncio.create_task(until_ended(process))
        child.kill()
        async with asyncio.timeout(PATIENCE_S):
            await waiting
    async with asyncio.timeout(PATIENCE_S):
        await until_ended(process)
