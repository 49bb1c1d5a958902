"""The watch over running processes: what they use, and strays that lost their supervisor."""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress

from sandbox.processes.procfs import ProcessStat, children_by_parent, descendants, scan, supervisor_of, usage_of
from sandbox.processes.run import Run
from sandbox.processes.table import ProcessTable
from sandbox.supervisor.tree import kill, signal_quietly

STOPPED = "Tt"
MOVING = "RS"


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
    if found:
        _end_strays([stat.pid for stat in found])
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
    if supervisor is None or supervisor not in stats:
        return
    if stats[supervisor].state in STOPPED:
        # A task of the same user can stop its supervisor; that shall gain it nothing.
        signal_quietly(supervisor, signal.SIGCONT)
    found = descendants(supervisor, children)
    if any(stat.state in MOVING for stat in found):
        run.woken()
    run.sampled(usage_of(found, run.usage, stats[supervisor].collected_ms))


def _end_strays(pids: list[int]) -> None:
    for pid in pids:
        signal_quietly(pid, signal.SIGSTOP)
    kill(pids)
    for pid in pids:
        signal_quietly(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
