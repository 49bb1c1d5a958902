"""Fills the raw log: the tables of telemetry-ingest by its own migrations, and a fleet's month by COPY."""

import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from tests.load.fleet.history import History
from tests.load.fleet.lines import EVENT_COLUMNS, NEWS_COLUMNS, Sealed
from tests.load.fleet.shape import Shape
from tests.load.measuring import Servers, migrated

BATCHES_AT_ONCE = 1_000


@dataclass(frozen=True)
class FilledLog:
    """What the raw log holds, and what it took."""

    events: int
    news: int
    seconds: float
    sizes: dict[str, int]
    """Bytes of each table with its indexes."""


async def fill_log(servers: Servers, shape: Shape) -> FilledLog:
    """Migrate, make the days' partitions, copy everything, and collect the planner's statistics."""
    await migrated(servers, "telemetry", "telemetry_ingest")
    connection = await asyncpg.connect(servers.database.dsn("telemetry", owner=True))
    try:
        await _make_partitions(connection, shape)
        started = time.perf_counter()
        events = news = 0
        for batches in _chunks(History(shape).batches()):
            reported, decided = ([one for one in batches if one.is_news is is_news] for is_news in (False, True))
            events += await _copy(connection, "events", EVENT_COLUMNS, reported)
            news += await _copy(connection, "decided_events", NEWS_COLUMNS, decided)
        seconds = time.perf_counter() - started
        await connection.execute("VACUUM ANALYZE events")
        await connection.execute("VACUUM ANALYZE decided_events")
        return FilledLog(events, news, seconds, await table_sizes(connection, "telemetry"))
    finally:
        await connection.close()


async def table_sizes(connection: asyncpg.Connection, schema: str) -> dict[str, int]:
    """Bytes of each table of a schema with its indexes, those of its partitions together, the largest first."""
    rows = await connection.fetch(
        """
        SELECT coalesce(inhparent::regclass::text, pg_class.oid::regclass::text) AS name,
               sum(pg_total_relation_size(pg_class.oid))::bigint AS bytes
        FROM pg_class LEFT JOIN pg_inherits ON inhrelid = pg_class.oid
        WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p')
        GROUP BY 1 HAVING sum(pg_total_relation_size(pg_class.oid)) > 0 ORDER BY 2 DESC
        """,
        schema,
    )
    return {row["name"].split(".")[-1]: row["bytes"] for row in rows}


async def _make_partitions(connection: asyncpg.Connection, shape: Shape) -> None:
    for day in range(shape.days + 2):
        wanted = (shape.until - timedelta(days=day)).date()
        await connection.execute("SELECT ensure_partition($1)", wanted)


async def _copy(connection: asyncpg.Connection, table: str, columns: Sequence[str], batches: Sequence[Sealed]) -> int:
    async def rows() -> AsyncIterator[bytes]:
        for batch in batches:
            yield batch.copy_rows()

    if batches:
        await connection.copy_to_table(table, source=rows(), columns=columns, format="text")
    return sum(len(batch.lines) for batch in batches)


def _chunks(batches: Iterable[Sealed]) -> Iterator[list[Sealed]]:
    chunk: list[Sealed] = []
    for batch in batches:
        chunk.append(batch)
        if len(chunk) == BATCHES_AT_ONCE:
            yield chunk
            chunk = []
    yield chunk
