"""The watch over running processes: what they use, and strays that lost their supervisor."""

import asyncio
import os
import signal
from collections.abc import Mapping

from sandbox.processes.procfs import ProcessStat, children_by_parent, descendants, scan, supervisor_of, usage_of
from sandbox.processes.run import Run
from sandbox.processes.table import ProcessTable


async def watch(table: ProcessTable, *, depth: int, every_ms: int) -> None:
    """Sample as long as something runs, for ever; `depth` is how far a supervisor is below a run's first process."""
    while True:
        await table.busy.wait()
        found_strays = sample(table, depth)
        if not found_strays and not any(table.running()):
            table.busy.clear()
        await asyncio.sleep(every_ms / 1000)


def sample(table: ProcessTable, depth: int) -> bool:
    """Measure every run once, and kill what has no supervisor any more; whether there was such a thing."""
    stats = scan()
    children = children_by_parent(stats.values())
    for run in list(table.running()):
        _sample_run(run, stats, children, depth)
    found = strays(children.get(os.getpid(), []), os.getsid(0))
    for stat in found:
        _end_stray(stat.pid)
    return bool(found)


def strays(children: list[ProcessStat], session: int) -> list[ProcessStat]:
    """Children of the sandbox that it did not start.

    What it starts itself stays in its session; what a supervisor starts has left it for good, and comes
    to the sandbox as its reaper only when the supervisor was killed.
    """
    return [stat for stat in children if stat.session != session]


def _sample_run(
    run: Run, stats: Mapping[int, ProcessStat], children: Mapping[int, list[ProcessStat]], depth: int
) -> None:
    root = run.root_pid
    supervisor = None if root is None else supervisor_of(root, depth, children)
    if supervisor is not None and supervisor in stats:
        run.sampled(usage_of(descendants(supervisor, children), run.usage, stats[supervisor].collected_ms))


def _end_stray(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, os.WNOHANG)
    except (ProcessLookupError, ChildProcessError):
        return
