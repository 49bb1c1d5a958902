"""Questions that wait too long are told to somebody beyond the manager."""

from enum import StrEnum

from contracts.base import Count, Level, Model, Name, OptionalText, QuestionId, UtcTime


class EscalationState(StrEnum):
    """How far the message has come."""

    pending = "pending"
    sent = "sent"
    dropped = "dropped"
    """The question was closed before the message could be sent."""
    dead = "dead"
    """Every attempt to send it has failed."""


class EscalationView(Model):
    """One message about one question."""

    escalation_id: Name
    """Also the `webhook-id` of all its attempts."""
    question_id: QuestionId
    priority: Level
    state: EscalationState
    attempts: Count
    """How often it was sent, or tried to be."""
    created_at: UtcTime
    next_attempt_at: UtcTime | None = None
    sent_at: UtcTime | None = None
    last_error: OptionalText | None = None
