"""The audit log as those who may read it see it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Count, JsonObject, Milliseconds, Model, UtcTime

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 in hexadecimal.")]


class AuditSource(StrEnum):
    """Where an entry comes from."""

    tool = "tool"
    """A call of a tool over MCP."""
    resource = "resource"
    """A resource that was read, or listened to."""
    prompt = "prompt"
    """A prompt that was written for a caller."""
    admin = "admin"
    """A request to the administrators' HTTP API."""
    authentication = "authentication"
    """A request that was turned away at the door."""
    event = "event"
    """A decision of a service."""
    log = "log"
    """The audit log of itself: its processes, its gaps, what was dropped."""


class AuditOutcome(StrEnum):
    """What came of it."""

    begun = "begun"
    """It was about to be carried out: another entry says what came of it, unless the process was killed."""
    ok = "ok"
    asked = "asked"
    """A person was asked first; another call goes on with the reply."""
    refused = "refused"
    failed = "failed"
    cancelled = "cancelled"
    """The caller left before there was an answer."""


class AuditEntry(Model):
    """One entry of the audit log, with all that its hash is made from."""

    seq: Annotated[int, Field(ge=1)]
    recorded_at: UtcTime
    occurred_at: UtcTime
    source: AuditSource
    action: str
    principal: str
    outcome: AuditOutcome
    code: str | None = None
    credential: str | None = None
    role: str | None = None
    client: str | None = None
    task_id: str | None = None
    attempt: int | None = None
    worker_id: str | None = None
    question_id: str | None = None
    duration_ms: Milliseconds | None = None
    trace_id: str | None = None
    details: JsonObject = {}
    """Redacted arguments of a call, or what was decided."""
    details_text: str = "{}"
    """The same as it was written: this text is what the hash covers."""
    prev_hash: Sha256
    hash: Sha256


class AuditHead(Model):
    """The end of the chain. Kept elsewhere, it shows later that nothing up to here was taken away or changed."""

    seq: Count
    """0 while there is no entry."""
    hash: Sha256
    recorded_at: UtcTime | None = None


class AuditBreak(Model):
    """The first place at which the chain does not hold."""

    seq: Count
    reason: str


class AuditVerification(Model):
    """What was found in a part of the chain. While `complete` is false, go on after `head`."""

    first_seq: Count
    """0 where there was nothing to look at."""
    entries: Count
    head: AuditHead
    """The last entry that holds."""
    complete: bool
    """Whether the end of the chain was reached, or a break."""
    broken: AuditBreak | None = None
