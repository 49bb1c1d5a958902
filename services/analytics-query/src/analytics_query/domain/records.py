"""Rows that are written as events come: no roll-up, but found again one by one."""

from dataclasses import dataclass
from datetime import datetime

from contracts.base import JsonObject


@dataclass(frozen=True, slots=True)
class ErrorSeen:
    """One error of a group: the group keeps the words of its first, and counts."""

    fingerprint: str
    error_type: str
    severity: str
    message: str
    place: str
    """Where it was raised, as the fingerprint sees it; empty: unknown."""
    event_id: str
    seen_at: datetime
    worker_id: str
    task_id: str | None


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """One decision of a worker."""

    event_id: str
    task_id: str | None
    attempt: int | None
    worker_id: str
    decision_type: str
    decided_at: datetime
    seq: int
    body: JsonObject


@dataclass(frozen=True, slots=True)
class FiguresReported:
    """One row of the reference's `analytics` table."""

    analytics_type: str
    source_type: str
    source_id: str
    data: JsonObject
    timestamp: datetime
    event_id: str
    worker_id: str
    attempt: int | None
    evidence: str


Record = ErrorSeen | DecisionMade | FiguresReported
