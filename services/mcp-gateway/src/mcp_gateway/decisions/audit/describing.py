"""What becomes an entry of the audit log, and how it is worded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

import orjson

from contracts.audit import AuditOutcome, AuditSource
from contracts.decided import DecidedEvent
from mcp_gateway.decisions.audit.criticality import outcome_of
from mcp_gateway.decisions.audit.outcomes import Came
from mcp_gateway.decisions.audit.redacting import BOUNDS, Bounds, redacted, redacted_text, storable
from mcp_gateway.domain.audit import Entry, Head
from mcp_gateway.domain.principals import Kind, Principal

NOBODY = "unknown"
SYSTEM = "mcp-gateway"
ANCHOR = "audit.anchor"
OPENED = "audit.opened"
CLOSED = "audit.closed"
GAP = "audit.gap"
UNWRITABLE = "unwritable"
SUPPRESSED = "authentication.suppressed"

_NAME = 200
_ADDRESS = 64
_IDS = ("task_id", "worker_id", "question_id")
_ID = 64
_INT4 = 2**31


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, from where."""

    principal: Principal | None
    """None: nobody whom the door knows."""
    client: str | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A call, before anything is known of what comes of it."""

    source: AuditSource
    action: str
    arguments: Mapping[str, object]
    at: datetime


def entry_of(made: Made, caller: Caller, outcome: AuditOutcome, bounds: Bounds = BOUNDS) -> Entry:
    """The entry of a call."""
    principal = caller.principal
    asked = made.arguments
    return Entry(
        occurred_at=made.at,
        source=made.source,
        action=redacted_text(made.action, _NAME),
        principal=storable(principal.name, _NAME) if principal else NOBODY,
        outcome=outcome,
        details=redacted(asked, bounds),
        credential=credential_of(principal) if principal else None,
        role=principal.role.value if principal else None,
        client=storable(caller.client, _ADDRESS) if caller.client else None,
        task_id=_id(asked.get("task_id")),
        worker_id=_id(asked.get("worker_id")),
        question_id=_id(asked.get("question_id")),
        trace_id=caller.trace_id,
    )


def ended(entry: Entry, came: Came, duration_ms: int, made: Mapping[str, object] | None = None) -> Entry:
    """The same call, with what came of it. `made`: the answer for programs, which may name what is new."""
    outcome, code = came
    return replace(
        entry,
        outcome=outcome,
        code=storable(code, _NAME) if code else None,
        duration_ms=max(0, duration_ms),
        **{name: getattr(entry, name) or _id((made or {}).get(name)) for name in _IDS},
    )


def told_again(entry: Entry, action: str, arguments: Mapping[str, object], bounds: Bounds = BOUNDS) -> Entry:
    """The same call under another name, with other arguments."""
    ids = {name: getattr(entry, name) or _id(arguments.get(name)) for name in _IDS}
    return replace(entry, action=redacted_text(action, _NAME), details=redacted(arguments, bounds), **ids)


def credential_of(principal: Principal) -> str:
    """Which credential was shown: its id, and nothing of itself."""
    if principal.key_id is not None:
        return principal.key_id
    if principal.kind is Kind.oauth:
        return storable(f"oauth:{principal.issuer or NOBODY}", _NAME)
    return principal.kind.value if principal.kind is Kind.local else storable(principal.identity, _NAME)


def entries_of(events: Iterable[DecidedEvent], bounds: Bounds = BOUNDS) -> list[Entry]:
    """Entries of those decisions that are critical."""
    return [_decided(event, outcome, bounds) for event in events if (outcome := outcome_of(event.kind)) is not None]


def _decided(event: DecidedEvent, outcome: AuditOutcome, bounds: Bounds) -> Entry:
    attempt = event.attempt
    return Entry(
        occurred_at=event.occurred_at,
        source=AuditSource.event,
        action=event.kind.value,
        principal=storable(event.actor, _NAME),
        outcome=outcome,
        details=redacted({"event_id": event.event_id, **event.data}, bounds),
        task_id=event.task_id,
        attempt=attempt if attempt is not None and -_INT4 <= attempt < _INT4 else None,
        worker_id=event.worker_id,
        question_id=event.question_id,
    )


def of_itself(action: str, now: datetime, outcome: AuditOutcome, **details: object) -> Entry:
    """An entry of the log about the log."""
    return Entry(now, AuditSource.log, action, SYSTEM, outcome, redacted(details))


def suppressed(count: int, window_s: float, now: datetime) -> Entry:
    """So many requests were turned away beside those that have an entry."""
    details = redacted({"requests": count, "within_s": window_s})
    return Entry(now, AuditSource.authentication, SUPPRESSED, NOBODY, AuditOutcome.refused, details)


def anchor_of(last: Head, now: datetime) -> Entry:
    """What stays of entries that are dropped: the end of their part of the chain."""
    # The database looks for this very text before it drops anything.
    details = orjson.dumps({"dropped_through": last.seq, "hash": last.hash.hex()}).decode()
    return Entry(now, AuditSource.log, ANCHOR, SYSTEM, AuditOutcome.ok, details)


def anchored(entry: Entry) -> Head:
    """The end of the part that an anchor stands for."""
    told = cast("Mapping[str, object]", orjson.loads(entry.details))
    return Head(int(str(told["dropped_through"])), bytes.fromhex(str(told["hash"])))


def bare(entry: Entry) -> Entry:
    """An entry that could not be kept as it was, without what may be to blame."""
    kept = {"unwritable": redacted_text(entry.action, _NAME)}
    return replace(
        entry,
        action=UNWRITABLE,
        principal=entry.principal.encode("ascii", "backslashreplace").decode()[:_NAME],
        details=redacted(kept),
        code=None,
        client=None,
        task_id=None,
        worker_id=None,
        question_id=None,
    )


def _id(value: object) -> str | None:
    return redacted_text(value, _ID) if isinstance(value, str) and value and len(value) <= _ID else None
