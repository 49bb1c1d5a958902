"""The chain: each entry's hash covers the entry and the hash before it."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import orjson

from mcp_gateway.domain.audit import Entry, Head, Link

FORM = 1
"""Version of the canonical form."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def canonical(seq: int, recorded_at: datetime, entry: Entry) -> bytes:
    """What is hashed: one JSON array without spaces, UTF-8, times as microseconds since 1970, `details` as a text."""
    return orjson.dumps(
        (
            FORM,
            seq,
            (recorded_at - _EPOCH) // _MICROSECOND,
            (entry.occurred_at - _EPOCH) // _MICROSECOND,
            entry.source.value,
            entry.action,
            entry.principal,
            entry.outcome.value,
            entry.code,
            entry.credential,
            entry.role,
            entry.client,
            entry.task_id,
            entry.attempt,
            entry.worker_id,
            entry.question_id,
            entry.duration_ms,
            entry.trace_id,
            entry.details,
        )
    )


def hash_of(prev_hash: bytes, seq: int, recorded_at: datetime, entry: Entry) -> bytes:
    """SHA-256 of the hash before and the canonical form."""
    return hashlib.sha256(prev_hash + canonical(seq, recorded_at, entry)).digest()


def chained(head: Head, entries: Sequence[Entry], now: datetime) -> tuple[list[Link], Head]:
    """The entries as they follow `head`, and the new head."""
    at = now if head.recorded_at is None else max(now, head.recorded_at)
    links: list[Link] = []
    seq, before = head.seq, head.hash
    for entry in entries:
        seq += 1
        found = hash_of(before, seq, at, entry)
        links.append(Link(seq, at, entry, before, found))
        before = found
    return links, Head(seq, before, at) if links else head
