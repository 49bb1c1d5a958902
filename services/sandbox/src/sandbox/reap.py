"""Collecting child processes that have ended: those that somebody here waits for, and those that nobody does."""

import asyncio
import os
import subprocess
from contextlib import suppress
from weakref import WeakValueDictionary

from sandbox.processes.procfs import children_by_parent, scan

ZOMBIE = "Z"
PAUSE_S = 0.5

_awaited: WeakValueDictionary[int, subprocess.Popen[bytes]] = WeakValueDictionary()
_one_ended = asyncio.Event()


def awaited(child: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """Note that somebody will collect this child, which was started just now."""
    _awaited[child.pid] = child
    return child


async def collected(child: subprocess.Popen[bytes]) -> int:
    """Wait until a child has ended and collect it; its exit code, negative for a signal."""
    if child.poll() is None:
        await _ended(child.pid)
    _one_ended.set()
    return child.wait()


async def collect_orphans() -> None:
    """Collect, for ever, what has ended and is waited for by nobody.

    This process is the reaper of all that it starts: what bubblewrap runs first in its namespace falls to it, when
    bubblewrap itself has ended before.
    """
    while True:
        await _one_ended.wait()
        # What a child leaves behind ends a little later; and many that end together are looked for once.
        await asyncio.sleep(PAUSE_S)
        _one_ended.clear()
        _collect_orphans()


async def _ended(pid: int) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    descriptor = os.pidfd_open(pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _collect_orphans() -> None:
    for stat in children_by_parent(scan().values()).get(os.getpid(), []):
        if stat.state == ZOMBIE and not _is_awaited(stat.pid):
            with suppress(ChildProcessError):
                os.waitpid(stat.pid, os.WNOHANG)


def _is_awaited(pid: int) -> bool:
    child = _awaited.get(pid)
    return child is not None and child.returncode is None
