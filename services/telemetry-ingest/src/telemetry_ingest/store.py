"""The only SQL of telemetry-ingest."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
import orjson

from contracts.batches import Batch
from contracts.events import EVENT_TYPES, Event
from contracts.telemetry import StoredEvent
from servicekit import inbox
from servicekit.bus import Received
from servicekit.pg import Connection, Database
from telemetry_ingest.decisions.staleness import judge
from telemetry_ingest.domain import Current, EventFilter, Recorded, day_of

COLUMNS = (
    "event_id",
    "day",
    "kind",
    "stream_type",
    "worker_id",
    "task_id",
    "attempt",
    "seq",
    "occurred_at",
    "recorded_at",
    "evidence",
    "stale",
    "body",
    "stored",
)

CURRENT = "SELECT task_id, attempt, worker_id FROM task_attempts WHERE task_id = ANY($1)"
NOTE = """
    INSERT INTO task_attempts AS known (task_id, attempt, worker_id)
    SELECT * FROM unnest($1::text[], $2::int[], $3::text[]) AS new (task_id, attempt, worker_id) ORDER BY task_id
    ON CONFLICT (task_id) DO UPDATE SET attempt = excluded.attempt, worker_id = excluded.worker_id
    WHERE known.attempt < excluded.attempt
"""
STAGE = "CREATE TEMPORARY TABLE staged (LIKE events) ON COMMIT DROP"
UNSTAGE = "INSERT INTO events SELECT * FROM staged ON CONFLICT DO NOTHING RETURNING event_id"
PAGE = """
    SELECT event_id, kind, worker_id, task_id, attempt, seq, occurred_at, recorded_at, evidence, stale, body, stored
    FROM events
    WHERE ($1::text IS NULL OR task_id = $1)
      AND ($2::text IS NULL OR worker_id = $2)
      AND (cardinality($3::text[]) + cardinality($4::text[]) = 0 OR kind = ANY($3) OR stream_type = ANY($4))
      AND ($5::timestamptz IS NULL OR occurred_at >= $5)
      AND ($6::timestamptz IS NULL OR occurred_at < $6)
      AND ($7::uuid IS NULL OR event_id {beyond} $7)
    ORDER BY event_id {order}
    LIMIT $8
"""


Copy = Callable[[Connection, list[Recorded], datetime], Awaitable[list[Recorded]]]


class PostgresEventLog:
    """The event log in PostgreSQL, partitioned by the UTC day of the event's id."""

    def __init__(self, database: Database, consumer: str) -> None:
        self._database = database
        self._consumer = consumer

    async def record(self, received: Sequence[Received[Batch[Event]]], now: datetime) -> list[Recorded]:
        """Write the events of all batches that were not applied before, in one transaction, and return them."""
        try:
            return await self._record(received, now, copy=_copy)
        except asyncpg.UniqueViolationError:
            # A producer that lost its spool's end may have sealed an event again in another batch.
            return await self._record(received, now, copy=_copy_new)

    async def note_attempts(self, current: Mapping[str, Current]) -> None:
        """Remember the current attempt of each task, unless a newer one is known."""
        if current:
            attempts = [known.attempt for known in current.values()]
            workers = [known.worker_id for known in current.values()]
            async with self._database.transaction() as connection:
                await connection.execute(NOTE, list(current), attempts, workers)

    async def page(
        self,
        wanted: EventFilter,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 100,
        descending: bool = False,
    ) -> list[StoredEvent]:
        """At most `limit` events in order of their ids, beyond the id `after`."""
        sql = PAGE.format(beyond="<" if descending else ">", order="DESC" if descending else "ASC")
        arguments = (wanted.task_id, wanted.worker_id, wanted.kinds, wanted.stream_types, since, until, after, limit)
        async with self._database.acquire() as connection:
            return [_stored(row) for row in await connection.fetch(sql, *arguments)]

    async def ensure_partitions(self, days: Sequence[date]) -> None:
        """Make the partitions of these days where they are missing; the schema's owner wrote the function that may."""
        async with self._database.acquire() as connection:
            await connection.execute("SELECT ensure_partition(day) FROM unnest($1::date[]) AS day", list(days))

    async def _record(self, received: Sequence[Received[Batch[Event]]], now: datetime, copy: Copy) -> list[Recorded]:
        async with self._database.transaction() as connection:
            fresh = await inbox.claim(connection, self._consumer, received)
            events = [event for item in fresh for event in item.batch.events]
            if not events:
                return []
            recorded = judge(events, await _current(connection, events))
            return await copy(connection, recorded, now)


async def _current(connection: Connection, events: list[Event]) -> dict[str, Current]:
    tasks = {event.task_id for event in events if event.task_id is not None}
    rows = await connection.fetch(CURRENT, list(tasks))
    return {row["task_id"]: Current(row["attempt"], row["worker_id"]) for row in rows}


def _row(item: Recorded, now: datetime) -> tuple[Any, ...]:
    event = item.event
    return (
        event.event_id,
        day_of(event.event_id),
        event.kind,
        event.body.stream_type.value if event.kind == "stream" else None,
        event.worker_id,
        event.task_id,
        event.attempt,
        event.seq,
        event.occurred_at,
        now,
        event.evidence.value,
        item.stale,
        orjson.Fragment(event.body.to_json()),
        orjson.Fragment(event.stored.to_json()) if event.kind == "artifact" or event.kind == "checkpoint" else None,
    )


async def _copy(connection: Connection, recorded: list[Recorded], now: datetime) -> list[Recorded]:
    rows = [_row(item, now) for item in recorded]
    await connection.copy_records_to_table("events", records=rows, columns=COLUMNS)
    return recorded


async def _copy_new(connection: Connection, recorded: list[Recorded], now: datetime) -> list[Recorded]:
    await connection.execute(STAGE)
    rows = [_row(item, now) for item in recorded]
    await connection.copy_records_to_table("staged", records=rows, columns=COLUMNS)
    new = {str(row["event_id"]) for row in await connection.fetch(UNSTAGE)}
    return [item for item in recorded if item.event.event_id in new]


def _stored(row: asyncpg.Record) -> StoredEvent:
    given = dict(row)
    given["event_id"] = str(given["event_id"])
    stale, recorded_at = given.pop("stale"), given.pop("recorded_at")
    event: Any = EVENT_TYPES[row["kind"]].model_validate(given)
    return StoredEvent(event=event, stale=stale, recorded_at=recorded_at)
