"""Ticks."""

from collections.abc import Awaitable, Callable

from servicekit.clock import Clock
from servicekit.logs import get_logger
from servicekit.metrics import RETENTION_REMOVED
from servicekit.patience import insist, ticking
from telemetry_ingest import handlers
from telemetry_ingest.ports import EventLog

Loop = Callable[[], Awaitable[None]]

logger = get_logger(__name__)


def after_partitions(log: EventLog, clock: Clock, consume: Loop) -> Loop:
    """`consume`, once today's partition is there: a partition is not made for a day that has strays already."""

    async def loop() -> None:
        await insist(lambda: handlers.keep_partitions(log, clock.now()))
        await consume()

    return loop


def keep_partitions(log: EventLog, clock: Clock, every_s: float) -> Loop:
    """A loop that makes partitions ahead of time."""
    return ticking(lambda: handlers.keep_partitions(log, clock.now()), every_s)


def forget_old(log: EventLog, clock: Clock, every_s: float, days: int) -> Loop:
    """A loop that forgets what is older than so many days."""

    async def tick() -> None:
        dropped = await handlers.forget_old(log, clock.now(), days)
        RETENTION_REMOVED.labels("telemetry-ingest", "partitions").inc(dropped)
        if dropped:
            logger.info("log.forgotten", days=days, partitions=dropped)

    return ticking(tick, every_s)
