"""What the auditor and its children use while it works."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import psutil

INTERVAL_S = 0.25
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Usage:
    """Use so far: memory of the whole tree now and at most, processor time, bytes to and from disks."""

    memory_mb: float
    memory_peak_mb: float
    cpu_ms: int
    wall_ms: int
    read_mb: float
    write_mb: float

    @property
    def cpu_percent(self) -> float:
        """Mean use of the processor; 100 is one core."""
        return round(100 * self.cpu_ms / self.wall_ms, 1) if self.wall_ms else 0.0


class Meter:
    """Samples the process tree."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._memory = 0.0
        self._peak = 0.0
        self._cpu_s: dict[int, float] = {}
        self._read: dict[int, int] = {}
        self._written: dict[int, int] = {}
        self.sample()

    def sample(self) -> None:
        """Look once."""
        me = psutil.Process()
        total = 0
        for process in [me, *me.children(recursive=True)]:
            # A child may end while it is looked at.
            with suppress(psutil.Error):
                total += process.memory_info().rss
                times = process.cpu_times()
                self._cpu_s[process.pid] = times.user + times.system
                counters = process.io_counters()
                self._read[process.pid] = counters.read_bytes
                self._written[process.pid] = counters.write_bytes
        self._memory = total / MEGABYTE
        self._peak = max(self._peak, self._memory)

    def usage(self) -> Usage:
        """What was used up to now."""
        times = os.times()
        ended = times.user + times.system + times.children_user + times.children_system
        # The system counts a child when it has ended; until then the last look at it has to do.
        cpu = max(ended, sum(self._cpu_s.values()))
        return Usage(
            memory_mb=round(self._memory, 1),
            memory_peak_mb=round(self._peak, 1),
            cpu_ms=round(cpu * 1000),
            wall_ms=round((time.monotonic() - self._started) * 1000),
            read_mb=round(sum(self._read.values()) / MEGABYTE, 2),
            write_mb=round(sum(self._written.values()) / MEGABYTE, 2),
        )


@asynccontextmanager
async def metering() -> AsyncGenerator[Meter]:
    """A meter that samples in the background."""
    meter = Meter()
    task = asyncio.create_task(_sample_forever(meter))
    try:
        yield meter
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sample_forever(meter: Meter) -> None:
    while True:
        await asyncio.sleep(INTERVAL_S)
        meter.sample()
