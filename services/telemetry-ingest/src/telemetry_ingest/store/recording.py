"""Writing the log: each batch once, its events by COPY, in one transaction a gathering."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import orjson

from contracts.batches import Batch
from contracts.decided import DecidedEvent
from contracts.events import Event
from servicekit import inbox
from servicekit.bus import Received
from servicekit.pg import Connection, Database
from telemetry_ingest.decisions.staleness import current_attempts, judge
from telemetry_ingest.domain import Current, Recorded, day_of
from telemetry_ingest.store.producers import Origin, Producers, origins

# Held until the events are committed: who notes a newer attempt at this moment then sees and judges them.
CURRENT = "SELECT task_id, attempt, worker_id FROM task_attempts WHERE task_id = ANY($1) ORDER BY task_id FOR SHARE"
NOTE = """
    INSERT INTO task_attempts AS known (task_id, attempt, worker_id)
    SELECT * FROM unnest($1::text[], $2::int[], $3::text[]) AS new (task_id, attempt, worker_id) ORDER BY task_id
    ON CONFLICT (task_id) DO UPDATE
        SET attempt = excluded.attempt, worker_id = excluded.worker_id, noted_at = excluded.noted_at
    WHERE known.attempt < excluded.attempt
"""
# What came after a task was given to somebody else, but before the news of that.
JUDGE_AGAIN = """
    UPDATE events SET stale = true
    FROM unnest($1::text[], $2::int[], $3::timestamptz[]) AS new (task_id, attempt, since)
    WHERE events.task_id = new.task_id AND events.attempt < new.attempt AND events.recorded_at >= new.since
        AND NOT events.stale
    RETURNING events.task_id
"""
STAGE = "CREATE TEMPORARY TABLE staged (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DROP"
UNSTAGE = "INSERT INTO {table} SELECT * FROM staged ON CONFLICT DO NOTHING RETURNING event_id"

Row = tuple[Any, ...]


class Table(NamedTuple):
    """A table of the log, and the columns of the rows that are copied into it; the first is the event's id."""

    name: str
    columns: tuple[str, ...]


EVENTS = Table(
    "events",
    (
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
        "question_id",
        "producer_id",
        "batch",
    ),
)
DECIDED = Table(
    "decided_events",
    (
        "event_id",
        "kind",
        "occurred_at",
        "recorded_at",
        "task_id",
        "attempt",
        "worker_id",
        "question_id",
        "actor",
        "data",
        "producer_id",
        "batch",
    ),
)


class Recording:
    """Part of the log: what comes in."""

    database: Database
    producers: Producers

    async def record(self, received: Sequence[Received[Batch[Event]]], consumer: str, now: datetime) -> list[Recorded]:
        """Write the events of all batches that were not applied before, in one transaction, and return them."""
        try:
            return await self._record(received, consumer, now)
        except asyncpg.UniqueViolationError:
            # A producer that lost its spool's end may have sealed an event again in another batch.
            return await self._record(received, consumer, now, some_are_known=True)

    async def record_decided(
        self, received: Sequence[Received[Batch[DecidedEvent]]], consumer: str, now: datetime
    ) -> set[str]:
        """Write what services decided, each batch once, and the newest attempt of each task of which it speaks.

        Gives the tasks of which events that were recorded before are stale since now.
        """
        try:
            return await self._record_decided(received, consumer, now)
        except asyncpg.UniqueViolationError:
            return await self._record_decided(received, consumer, now, some_are_known=True)

    async def _record(
        self,
        received: Sequence[Received[Batch[Event]]],
        consumer: str,
        now: datetime,
        *,
        some_are_known: bool = False,
    ) -> list[Recorded]:
        async with self.database.transaction() as connection:
            fresh = await inbox.claim(connection, consumer, received)
            if not fresh:
                return []
            numbers = await self.producers.numbers_of(connection, fresh)
            events = [event for one in fresh for event in one.batch.events]
            recorded = judge(events, await _current(connection, events))
            pairs = zip(recorded, origins(fresh, numbers), strict=True)
            rows = [_event_row(item, origin, now) for item, origin in pairs]
            if some_are_known:
                new = await _copy_new(connection, EVENTS, rows)
                recorded = [item for item in recorded if item.event.event_id in new]
            else:
                await _copy(connection, EVENTS, rows)
        self.producers.remember(numbers)
        return recorded

    async def _record_decided(
        self,
        received: Sequence[Received[Batch[DecidedEvent]]],
        consumer: str,
        now: datetime,
        *,
        some_are_known: bool = False,
    ) -> set[str]:
        async with self.database.transaction() as connection:
            fresh = await inbox.claim(connection, consumer, received)
            if not fresh:
                return set()
            numbers = await self.producers.numbers_of(connection, fresh)
            events = [event for one in fresh for event in one.batch.events]
            pairs = zip(events, origins(fresh, numbers), strict=True)
            rows = [_decided_row(event, origin, now) for event, origin in pairs]
            await (_copy_new if some_are_known else _copy)(connection, DECIDED, rows)
            judged = await _note(connection, current_attempts(events))
        self.producers.remember(numbers)
        return judged


async def _current(connection: Connection, events: list[Event]) -> dict[str, Current]:
    tasks = {event.task_id for event in events if event.task_id is not None}
    rows = await connection.fetch(CURRENT, list(tasks))
    return {row["task_id"]: Current(row["attempt"], row["worker_id"]) for row in rows}


async def _note(connection: Connection, current: Mapping[str, Current]) -> set[str]:
    """Note who holds tasks now; the tasks of which recorded events are stale for it."""
    if current:
        attempts = [known.attempt for known in current.values()]
        workers = [known.worker_id for known in current.values()]
        await connection.execute(NOTE, list(current), attempts, workers)
    later = {task_id: known for task_id, known in current.items() if known.attempt > 1}
    if not later:
        return set()
    attempts, since = [known.attempt for known in later.values()], [known.since for known in later.values()]
    return {row["task_id"] for row in await connection.fetch(JUDGE_AGAIN, list(later), attempts, since)}


def _event_row(item: Recorded, origin: Origin, now: datetime) -> Row:
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
        _question_of(event),
        *origin,
    )


def _question_of(event: Event) -> str | None:
    if event.kind == "question" or event.kind == "resource_request" or event.kind == "collaboration_request":
        return event.question_id
    return None


def _decided_row(event: DecidedEvent, origin: Origin, now: datetime) -> Row:
    return (
        event.event_id,
        event.kind.value,
        event.occurred_at,
        now,
        event.task_id,
        event.attempt,
        event.worker_id,
        event.question_id,
        event.actor,
        event.data,
        *origin,
    )


async def _copy(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    await connection.copy_records_to_table(table.name, records=rows, columns=table.columns)


async def _copy_new(connection: Connection, table: Table, rows: Sequence[Row]) -> set[str]:
    """Write the rows that are not there yet; their ids."""
    await connection.execute(STAGE.format(table=table.name))
    await connection.copy_records_to_table("staged", records=rows, columns=table.columns)
    return {str(row["event_id"]) for row in await connection.fetch(UNSTAGE.format(table=table.name))}
