"""Questions that wait too long, and who is told of them."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.escalations import EscalationState, EscalationView
from question_broker.domain import Question


@dataclass(frozen=True, slots=True)
class Escalation:
    """A message about a question that waits too long."""

    escalation_id: str
    question: Question
    payload: bytes


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is to be sent now, for the `attempts`-th time."""

    escalation_id: str
    question_id: str
    payload: bytes
    attempts: int
    is_open: bool
    """Whether its question still waits."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a message."""

    claimed: Claimed
    state: EscalationState
    next_attempt_at: datetime | None = None
    error: str | None = None


class EscalationWrites(Protocol):
    """Escalations inside one transaction."""

    async def lock_waiting(self, critical_since: datetime, since: datetime, limit: int) -> list[Question]:
        """Open questions that nobody was told of, asked before these times, that nobody else holds."""
        ...

    async def add(self, escalations: Sequence[Escalation], now: datetime) -> None:
        """Promise messages."""
        ...


class Escalations(Protocol):
    """All escalations."""

    def transaction(self) -> AbstractAsyncContextManager[EscalationWrites]:
        """Everything in the block, or nothing."""
        ...

    async def claim(self, now: datetime, until: datetime, limit: int) -> list[Claimed]:
        """Messages that are due, which nobody else sends until then."""
        ...

    async def settle(self, settled: Sequence[Settled], now: datetime) -> None:
        """Save what became of messages; a question whose message was sent is marked so."""
        ...

    async def page(
        self, state: EscalationState | None, after: tuple[datetime, str] | None, limit: int
    ) -> list[EscalationView]:
        """At most `limit` escalations, newest first, beyond the given (created_at, escalation_id)."""
        ...


class Webhook(Protocol):
    """Who is told of questions that wait too long."""

    async def send(self, message_id: str, body: bytes, now: datetime) -> str | None:
        """Deliver a message; returns why it was not taken, None if it was."""
        ...
