"""The whole log as lines of JSON, in order of the ids, made from columns without a model in between.

It is read piece by piece, each in a short transaction of its own that begins behind the last id: so a slow reader holds
neither a snapshot nor a lock, and what is in memory is one piece.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, NamedTuple

import asyncpg
import orjson

from servicekit.pg import Connection, Database
from telemetry_ingest.domain import day_of
from telemetry_ingest.store.producers import Producers

# What is not wanted is passed over without its body being read; it still moves the piece on, so that each is short.
WANTED = "($2::timestamptz IS NULL OR occurred_at >= $2) AND ($3::timestamptz IS NULL OR occurred_at < $3)"
MOST_ROWS = 10_000
EVENTS = f"""
    SELECT event_id::text AS id, producer_id, batch, CASE WHEN {WANTED} THEN body::text END, kind, worker_id, task_id,
        attempt, seq, occurred_at, evidence, question_id, stored::text
    FROM events WHERE event_id > $1 AND day >= $4 ORDER BY event_id LIMIT {MOST_ROWS}
"""
DECIDED = f"""
    SELECT event_id::text AS id, producer_id, batch, CASE WHEN {WANTED} THEN data::text END, kind, occurred_at,
        task_id, attempt, worker_id, question_id, actor
    FROM decided_events WHERE event_id > $1 ORDER BY event_id LIMIT {MOST_ROWS}
"""
START = "00000000-0000-0000-0000-000000000000"
FETCH = 100
PIECE_BYTES = 512 * 1024
FORMAT = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


class Period(NamedTuple):
    """When events must have occurred; None is without bound."""

    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines, the id that they end at, and whether nothing comes behind it."""

    lines: bytes
    last: str
    is_end: bool


@dataclass(frozen=True, slots=True)
class Export:
    """What is exported: its statement, the event in a row, and what the statement asks for beyond place and period."""

    sql: str
    event: Callable[[asyncpg.Record], dict[str, Any]]
    by_day: bool = False


class Exports:
    """Part of the log: all of it."""

    database: Database
    producers: Producers

    def export_events(self, after: str | None, since: datetime | None, until: datetime | None) -> AsyncGenerator[bytes]:
        """Lines of LoggedEvent beyond the id `after`, in pieces, some of them empty."""
        return self._export(Export(EVENTS, _event, by_day=True), after or START, Period(since, until))

    def export_decided(
        self, after: str | None, since: datetime | None, until: datetime | None
    ) -> AsyncGenerator[bytes]:
        """Lines of LoggedDecision beyond the id `after`, in pieces, some of them empty."""
        return self._export(Export(DECIDED, _decision), after or START, Period(since, until))

    async def _export(self, export: Export, after: str, period: Period) -> AsyncGenerator[bytes]:
        piece = Piece(b"", after, is_end=False)
        while not piece.is_end:
            piece = await self.database.run(partial(self._piece, export, piece.last, period))
            yield piece.lines

    async def _piece(self, export: Export, after: str, period: Period, connection: Connection) -> Piece:
        arguments: tuple[object, ...] = (after, *period)
        if export.by_day:
            # Whole partitions are passed over by it.
            arguments += (day_of(after) if after != START else date.min,)
        cursor = await connection.cursor(export.sql, *arguments)
        lines: list[bytes] = []
        read = size = 0
        while size < PIECE_BYTES and read < MOST_ROWS:
            rows = await cursor.fetch(FETCH)
            if not rows:
                return Piece(b"".join(lines), after, is_end=True)
            names = await self.producers.names_of(connection, {row[1] for row in rows if row[1] is not None})
            new = [_line(row, names, export.event) for row in rows if row[3] is not None]
            lines += new
            size += sum(map(len, new))
            read += len(rows)
            after = rows[-1][0]
        return Piece(b"".join(lines), after, is_end=False)


def _line(row: asyncpg.Record, names: Mapping[int, str], event: Callable[[asyncpg.Record], dict[str, Any]]) -> bytes:
    if row[1] is None:
        return orjson.dumps({"event": event(row)}, option=FORMAT)
    return orjson.dumps({"producer": names[row[1]], "batch": row[2], "event": event(row)}, option=FORMAT)


def _event(row: asyncpg.Record) -> dict[str, Any]:
    event_id, _, _, body, kind, worker_id, task_id, attempt, seq, occurred_at, evidence, question_id, stored = row
    event: dict[str, Any] = {
        "event_id": event_id,
        "kind": kind,
        "worker_id": worker_id,
        "seq": seq,
        "occurred_at": occurred_at,
        "evidence": evidence,
        "body": orjson.Fragment(body),
    }
    if task_id is not None:
        event["task_id"] = task_id
    if attempt is not None:
        event["attempt"] = attempt
    if question_id is not None:
        event["question_id"] = question_id
    if stored is not None:
        event["stored"] = orjson.Fragment(stored)
    return event


def _decision(row: asyncpg.Record) -> dict[str, Any]:
    event_id, _, _, data, kind, occurred_at, task_id, attempt, worker_id, question_id, actor = row
    event: dict[str, Any] = {
        "event_id": event_id,
        "kind": kind,
        "occurred_at": occurred_at,
        "actor": actor,
        "data": orjson.Fragment(data),
    }
    if task_id is not None:
        event["task_id"] = task_id
    if attempt is not None:
        event["attempt"] = attempt
    if worker_id is not None:
        event["worker_id"] = worker_id
    if question_id is not None:
        event["question_id"] = question_id
    return event
