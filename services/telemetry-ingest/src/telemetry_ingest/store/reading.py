"""Reading the log: by page, and which batches are in it."""

from datetime import datetime
from typing import Any

import asyncpg

from contracts.events import EVENT_TYPES
from contracts.telemetry import LogMarks, ProducerMarks, StoredEvent, StreamMarks
from servicekit.pg import Database
from telemetry_ingest.domain import CONSUMERS, EventFilter

PAGE = """
    SELECT event_id, kind, worker_id, task_id, attempt, seq, occurred_at, recorded_at, evidence, stale, body, stored,
        question_id
    FROM events
    WHERE ($1::text IS NULL OR task_id = $1)
      AND ($2::text IS NULL OR worker_id = $2)
      AND (cardinality($3::text[]) + cardinality($4::text[]) = 0 OR kind = ANY($3) OR stream_type = ANY($4))
      AND ($5::timestamptz IS NULL OR occurred_at >= $5)
      AND ($6::timestamptz IS NULL OR occurred_at < $6)
      AND ($7::uuid IS NULL OR event_id {beyond} $7)
      AND kind = ANY($9)
    ORDER BY event_id {order}
    LIMIT $8
"""
# After a step back to an older version there may be others.
KNOWN = list(EVENT_TYPES)
MARKS = "SELECT consumer, producer, low, above FROM applied_batches WHERE consumer = ANY($1) ORDER BY producer"


class Reading:
    """Part of the log: what is shown."""

    database: Database

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
        asked = (wanted.task_id, wanted.worker_id, wanted.kinds, wanted.stream_types, since, until, after, limit)
        async with self.database.acquire() as connection:
            return [_stored(row) for row in await connection.fetch(sql, *asked, KNOWN)]

    async def marks(self) -> LogMarks:
        """Which batches are in the log."""
        async with self.database.acquire() as connection:
            rows = await connection.fetch(MARKS, list(CONSUMERS.values()))
        return LogMarks(
            streams=[
                StreamMarks(
                    stream=stream,
                    producers={
                        row["producer"]: ProducerMarks(low=row["low"], above=row["above"])
                        for row in rows
                        if row["consumer"] == consumer
                    },
                )
                for stream, consumer in CONSUMERS.items()
            ]
        )


def _stored(row: asyncpg.Record) -> StoredEvent:
    given = dict(row)
    given["event_id"] = str(given["event_id"])
    stale, recorded_at = given.pop("stale"), given.pop("recorded_at")
    event: Any = EVENT_TYPES[row["kind"]].model_validate(given)
    return StoredEvent(event=event, stale=stale, recorded_at=recorded_at)
