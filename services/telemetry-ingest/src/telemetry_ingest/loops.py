"""Ticks."""

import asyncio
from collections.abc import Awaitable, Callable

from servicekit.clock import Clock
from telemetry_ingest import handlers
from telemetry_ingest.ports import EventLog

PARTITION_TICK_S = 3_600.0

Loop = Callable[[], Awaitable[None]]


def after_partitions(log: EventLog, clock: Clock, consume: Loop) -> Loop:
    """`consume`, once today's partition is there: a partition is not made for a day that has strays already."""

    async def loop() -> None:
        await handlers.keep_partitions(log, clock.now())
        await consume()

    return loop


def keep_partitions(log: EventLog, clock: Clock) -> Loop:
    """A loop that makes partitions ahead of time."""

    async def loop() -> None:
        while True:
            await handlers.keep_partitions(log, clock.now())
            await asyncio.sleep(PARTITION_TICK_S)

    return loop
