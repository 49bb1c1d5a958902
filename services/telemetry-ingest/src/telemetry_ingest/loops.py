"""Ticks."""

import asyncio
from collections.abc import Awaitable, Callable

from servicekit.clock import Clock
from telemetry_ingest import handlers
from telemetry_ingest.ports import EventLog

PARTITION_TICK_S = 3_600.0


def keep_partitions(log: EventLog, clock: Clock) -> Callable[[], Awaitable[None]]:
    """A loop that makes partitions ahead of time."""

    async def loop() -> None:
        while True:
            await handlers.keep_partitions(log, clock.now())
            await asyncio.sleep(PARTITION_TICK_S)

    return loop
