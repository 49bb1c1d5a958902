"""The audit log as somebody outside reads it: its chain is counted again, by the form that ADR 15 gives."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

FORM = 1
FIELDS = (
    *("source", "action", "principal", "outcome", "code", "credential", "role", "client", "task_id", "attempt"),
    *("worker_id", "question_id", "duration_ms", "trace_id", "details"),
)
ENTRIES = f"""
    SELECT seq, recorded_at, occurred_at, {", ".join(FIELDS)}, prev_hash, hash
    FROM gateway.audit_entries ORDER BY seq, recorded_at
"""
HEAD = "SELECT seq, hash FROM gateway.audit_head"
EVENT_ID = re.compile(r'"event_id":"([^"]+)"')
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Audited:
    """An entry; `event_id` is of the decision that it tells of, `wrong` what is wrong with its place in the chain."""

    seq: int
    action: str
    event_id: str | None = None
    wrong: str | None = None


async def read_audit(connection: asyncpg.Connection) -> list[Audited]:
    """All entries; the last one is wrong where the log says that it ends elsewhere."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(ENTRIES)
        head = await connection.fetchrow(HEAD)
    found = list(_followed(rows))
    last = (rows[-1]["seq"], rows[-1]["hash"]) if rows else (0, bytes(32))
    if head is None or (head["seq"], head["hash"]) != last:
        found.append(Audited(last[0], "", wrong=f"the log says that it ends at {head and head['seq']}"))
    return found


def _followed(rows: list[asyncpg.Record]) -> Iterator[Audited]:
    seq, before = 0, bytes(32)
    for row in rows:
        event = EVENT_ID.search(row["details"]) if row["source"] == "event" else None
        yield Audited(row["seq"], row["action"], event[1] if event else None, _wrong(row, seq, before))
        seq, before = row["seq"], row["hash"]


def _wrong(row: asyncpg.Record, seq: int, before: bytes) -> str | None:
    if row["seq"] != seq + 1:
        return f"it follows {seq}"
    if row["prev_hash"] != before:
        return "it does not follow the one before it"
    return None if row["hash"] == hashlib.sha256(before + _form(row)).digest() else "its hash is another"


def _form(row: asyncpg.Record) -> bytes:
    times = (_microseconds(row["recorded_at"]), _microseconds(row["occurred_at"]))
    whole = [FORM, row["seq"], *times, *(row[name] for name in FIELDS)]
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
