"""The audit log: what an entry says, and what binds it to the one before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.audit import AuditOutcome, AuditSource

GENESIS = bytes(32)
"""What stands in place of a hash before the first entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did or decided what, and what came of it. No text in it has a NUL or a secret."""

    occurred_at: datetime
    source: AuditSource
    action: str
    """A tool, a method of MCP, a route, or the kind of a domain event."""
    principal: str
    outcome: AuditOutcome
    details: str = "{}"
    """A JSON object, as it was written: redacted arguments, or what was decided."""
    code: str | None = None
    """The error's, where there was one."""
    credential: str | None = None
    """What the caller showed, by its id and never by itself."""
    role: str | None = None
    client: str | None = None
    """Address from which the call came."""
    task_id: str | None = None
    attempt: int | None = None
    worker_id: str | None = None
    question_id: str | None = None
    duration_ms: int | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An entry in its place."""

    seq: int
    """Counts up from 1, without a gap."""
    recorded_at: datetime
    """When it was appended; never earlier than the one before."""
    entry: Entry
    prev_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain, or of a part of it."""

    seq: int = 0
    hash: bytes = GENESIS
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """The first place at which the chain does not hold."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries are asked for; None: any."""

    since: datetime | None = None
    until: datetime | None = None
    principal: str | None = None
    action: str | None = None
    outcome: AuditOutcome | None = None
    source: AuditSource | None = None
    task_id: str | None = None


@dataclass(frozen=True, slots=True)
class AuditPart:
    """A part of the chain as it was at one moment."""

    links: Sequence[Link]
    head: Head
    """Where the log says that it ends."""
    before: Head | None
    """The entry before the part, where there is one."""
    anchor: Head | None
    """The end of what retention has dropped last."""
    is_last: bool
    """Whether nothing follows."""
