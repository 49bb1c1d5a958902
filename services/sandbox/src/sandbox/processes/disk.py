"""What workspaces take on disk: measured in a thread, no more often than is worth its cost.

A workspace cannot have grown by more than its whole volume has, which is known at no cost. So it is gone through again
at once when the volume says that it may be over its limit, soon when it is near it, and rarely else.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox import confine
from sandbox.errors import TreeTooDeep
from sandbox.processes.limits import MB
from sandbox.processes.run import Run
from sandbox.processes.table import ProcessTable
from sandbox.walk import Found, walk
from sandbox.workspaces.layout import Layout

BLOCK_BYTES = 512
LEAST_BYTES = 4_096
"""What an entry is counted as at least: the smallest file costs its place in the file system's tables."""
NEAR = 0.8


@dataclass(frozen=True)
class Rest:
    """How long to wait after a walk: at least so long, in s, and so many times as long as the walk took."""

    least_s: float
    times: float

    def after(self, took_s: float) -> float:
        """The pause, in s."""
        return max(self.least_s, self.times * took_s)


URGENT, SOON, SELDOM = Rest(0.0, 2), Rest(1.0, 5), Rest(5.0, 20)


@dataclass
class Gauge:
    """The last look at one workspace: its bytes, when that was and how long it took (s), and what its volume held."""

    taken_bytes: int = 0
    at_s: float | None = None
    took_s: float = 0.0
    volume_bytes: int = 0

    def due(self, now_s: float, volume_bytes: int, limit_bytes: int | None) -> bool:
        """Whether it is worth another look."""
        if self.at_s is None:
            return True
        possible = self.taken_bytes + max(0, volume_bytes - self.volume_bytes)
        return now_s - self.at_s >= _rest(possible, limit_bytes).after(self.took_s)


async def watch(table: ProcessTable, *, every_ms: int) -> None:
    """Look at the workspaces of running processes whenever it is due, for ever."""
    gauges: dict[Layout, Gauge] = {}
    while True:
        await table.busy.wait()
        runs: dict[Layout, list[Run]] = {}
        for run in table.running():
            runs.setdefault(run.layout, []).append(run)
        gauges = {layout: gauges.get(layout, Gauge()) for layout in runs}
        for layout, inside in runs.items():
            await _look(layout, gauges[layout], inside)
        await asyncio.sleep(every_ms / 1000)


async def _look(layout: Layout, gauge: Gauge, runs: list[Run]) -> None:
    limits = [run.limits.disk_mb for run in runs]
    most = max((limit for limit in limits if limit is not None), default=None)
    limit_bytes = None if most is None or None in limits else most * MB
    volume_bytes = _held_by_volume(layout)
    began_s = time.monotonic()
    if gauge.due(began_s, volume_bytes, limit_bytes):
        gauge.taken_bytes = await asyncio.to_thread(measure, layout, limit_bytes)
        gauge.at_s, gauge.volume_bytes = time.monotonic(), volume_bytes
        gauge.took_s = gauge.at_s - began_s
    for run in runs:
        run.takes_on_disk(gauge.taken_bytes)


def measure(layout: Layout, limit_bytes: int | None) -> int:
    """Bytes that work tree, home and temporary folder take; it stops counting once the limit is passed.

    A tree that is too deep to be gone through counts as one that is over the limit.
    """
    taken = 0
    linked: set[int] = set()
    try:
        for entry in _all_entries(layout):
            about = entry.about
            if about.st_nlink > 1 and not entry.is_folder:
                if about.st_ino in linked:
                    continue
                linked.add(about.st_ino)
            taken += max(LEAST_BYTES, about.st_blocks * BLOCK_BYTES)
            if limit_bytes is not None and taken > limit_bytes:
                break
    except TreeTooDeep:
        return taken if limit_bytes is None else max(taken, limit_bytes + 1)
    return taken


def _all_entries(layout: Layout) -> Iterator[Found]:
    try:
        with confine.folder(layout.folder) as top:
            for area in (layout.tree, layout.home, layout.temporary):
                yield from walk(top, area.name)
    except OSError:
        # It is being removed.
        return


def _rest(possible: int, limit_bytes: int | None) -> Rest:
    if limit_bytes is None or possible <= limit_bytes * NEAR:
        return SELDOM
    return SOON if possible <= limit_bytes else URGENT


def _held_by_volume(layout: Layout) -> int:
    """Bytes in use on the volume, with its entries as they are counted here."""
    try:
        volume = os.statvfs(layout.folder)
    except OSError:
        return 0
    used_bytes = (volume.f_blocks - volume.f_bfree) * volume.f_frsize
    return used_bytes + (volume.f_files - volume.f_ffree) * LEAST_BYTES
