"""Entries and ends of the chain as they are shown, and as people write them down."""

import re

import orjson

from contracts.audit import AuditEntry, AuditHead
from mcp_gateway.domain.audit import Head, Link
from mcp_gateway.errors import InvalidInput

_WRITTEN = re.compile(r"(?P<seq>[0-9]{1,18}):(?P<hash>[0-9a-f]{64})")


def entry_view(link: Link) -> AuditEntry:
    """An entry as those who may read it see it."""
    entry = link.entry
    return AuditEntry(
        seq=link.seq,
        recorded_at=link.recorded_at,
        occurred_at=entry.occurred_at,
        source=entry.source,
        action=entry.action,
        principal=entry.principal,
        outcome=entry.outcome,
        code=entry.code,
        credential=entry.credential,
        role=entry.role,
        client=entry.client,
        task_id=entry.task_id,
        attempt=entry.attempt,
        worker_id=entry.worker_id,
        question_id=entry.question_id,
        duration_ms=entry.duration_ms,
        trace_id=entry.trace_id,
        details=orjson.loads(entry.details),
        details_text=entry.details,
        prev_hash=link.prev_hash.hex(),
        hash=link.hash.hex(),
    )


def head_view(head: Head) -> AuditHead:
    """The end of the chain."""
    return AuditHead(seq=head.seq, hash=head.hash.hex(), recorded_at=head.recorded_at)


def parse_head(text: str) -> Head:
    """Read `seq:hash`, as `mews audit head` prints it. Raises InvalidInput."""
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(f"{text[:80]!r} is no end of the audit log: it looks like 42:<64 hexadecimal digits>")
    return Head(int(match["seq"]), bytes.fromhex(match["hash"]))
