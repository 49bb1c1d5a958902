"""Making the projections anew, in one transaction."""

from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from analytics_query.domain.consumers import CONSUMERS, STREAMS
from analytics_query.store.writing import PLANNER, PostgresTransaction, begin
from contracts.telemetry import LogMarks, ProducerMarks, StreamMarks
from servicekit.pg import Timeouts, open_connection
from servicekit.settings import ServiceSettings

# Reading the whole log takes longer than any statement or transaction of a service may.
UNBOUNDED = Timeouts(statement_ms=0, lock_ms=0, idle_in_transaction_ms=0)
APPLIED = "SELECT consumer, producer, low, above FROM applied_batches WHERE consumer = ANY($1)"
EVENTS_BEFORE = """
    SELECT coalesce(sum((figures -> 'c' ->> 'events')::numeric), 0)::bigint FROM rollups
    WHERE dimension = 'system' AND resolution = 'day'
"""
PROJECTED = (
    "rollups",
    "attempts",
    "tasks",
    "current_attempts",
    "analytics",
    "decisions",
    "error_groups",
    "error_workers",
    "error_tasks",
)
FINISH = "UPDATE projection SET fold_version = $1, applied_at = clock_timestamp()"
FORGET_NEWEST = "UPDATE projection SET newest_event_at = NULL"


class PostgresRebuild(PostgresTransaction):
    """The transaction that makes all projections anew."""

    async def applied(self) -> LogMarks:
        """Which batches the projections hold, and will hold."""
        by_stream: dict[str, dict[str, ProducerMarks]] = defaultdict(dict)
        for consumer, producer, low, above in await self._connection.fetch(APPLIED, list(CONSUMERS.values())):
            by_stream[STREAMS[consumer]][producer] = ProducerMarks(low=low, above=above)
        return LogMarks(streams=[StreamMarks(stream=name, producers=known) for name, known in by_stream.items()])

    async def events_before(self) -> int:
        """How many events of workers they held, about."""
        [row] = await self._connection.fetch(EVENTS_BEFORE)
        return row[0]

    async def empty(self) -> None:
        """Remove all that was projected, but the marks."""
        for table in PROJECTED:
            await self._connection.execute(f"DELETE FROM {table}")
        await self._connection.execute(FORGET_NEWEST)
        self._newest_event_at = None

    async def finish(self, fold_version: int) -> None:
        """Note by which version of the folding they were made."""
        await self._connection.execute(FINISH, fold_version)


@asynccontextmanager
async def rebuilding(settings: ServiceSettings, schema: str) -> AsyncGenerator[PostgresRebuild]:
    """Everything in the block, or nothing. Whoever projects waits until its end."""
    connection = await open_connection(settings, schema, timeouts=UNBOUNDED, planner=PLANNER)
    try:
        async with connection.transaction():
            started = await begin(connection)
            yield PostgresRebuild(connection, started.position)
    finally:
        connection.terminate()
