"""Keeping the log: partitions ahead of time, and what is older than an operator wants to keep."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg

from servicekit.logs import get_logger
from servicekit.pg import Connection, Database
from telemetry_ingest.domain import first_id_of

DROP = "SELECT drop_oldest_partition($1)"
# Their ids say nothing of when they came.
FORGET_STRAYS = """
    DELETE FROM events_strays WHERE event_id IN (
        SELECT event_id FROM events_strays WHERE recorded_at < $1 LIMIT $2
    )
"""
FORGET_DECIDED = """
    DELETE FROM decided_events WHERE event_id IN (
        SELECT event_id FROM decided_events WHERE event_id < $1 ORDER BY event_id LIMIT $2
    )
"""
SLICE = 5_000

log = get_logger(__name__)


class Keeping:
    """Part of the log: its upkeep."""

    database: Database

    async def ensure_partitions(self, days: Sequence[date]) -> None:
        """Make the partitions of these days where they are missing; the schema's owner wrote the function that may."""
        async with self.database.acquire() as connection:
            await connection.execute("SELECT ensure_partition(day) FROM unnest($1::date[]) AS day", list(days))

    async def forget(self, first_kept: date, strays_before: datetime) -> int:
        """Drop the partitions of all days before; delete decisions of those days, and strays, in slices.

        Gives how many partitions were dropped; one that is in use for long is left for the next time.
        """
        async with self.database.acquire() as connection:
            dropped = await _drop(connection, first_kept)
            await _delete(connection, FORGET_STRAYS, strays_before)
            await _delete(connection, FORGET_DECIDED, first_id_of(first_kept))
        return dropped


async def _drop(connection: Connection, first_kept: date) -> int:
    dropped = 0
    try:
        while await connection.fetchval(DROP, first_kept):
            dropped += 1
    except asyncpg.LockNotAvailableError as error:
        log.warning("log.partition_in_use", error=str(error))
    return dropped


async def _delete(connection: Connection, sql: str, bound: object) -> None:
    while await connection.execute(sql, bound, SLICE) == f"DELETE {SLICE}":
        pass
