"""What the handlers need of the outside."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.batches import Batch, ItemT
from contracts.questions import QuestionKind, QuestionState
from question_broker.domain import Question
from servicekit.bus import Received


@dataclass(frozen=True, slots=True)
class QuestionFilter:
    """Which questions a reader wants; None or empty: any."""

    states: tuple[QuestionState, ...] = ()
    kinds: tuple[QuestionKind, ...] = ()
    task_id: str | None = None
    worker_id: str | None = None


class Transaction(Protocol):
    """The questions inside one transaction."""

    async def claim(self, consumer: str, received: Sequence[Received[Batch[ItemT]]]) -> list[ItemT]:
        """What is in those of the batches that were not applied before; from now on they count as applied."""
        ...

    async def add(self, questions: Sequence[Question]) -> list[Question]:
        """Add those whose id is new, and return these."""
        ...

    async def lock(self, question_id: str) -> Question | None:
        """One question, held until the end of the transaction."""
        ...

    async def lock_due(self, now: datetime, limit: int) -> list[Question]:
        """Open questions past their deadline that nobody else holds."""
        ...

    async def lock_ended(self, attempts: Mapping[str, int]) -> list[Question]:
        """Open questions of these tasks from these attempts or earlier ones."""
        ...

    async def closed_through(self, task_ids: Sequence[str]) -> dict[str, int]:
        """The last attempt known to have ended, of each task (0: none), held until the end of the transaction."""
        ...

    async def close_through(self, attempts: Mapping[str, int]) -> None:
        """Remember that these attempts, and all before them, have ended."""
        ...

    async def close(self, questions: Sequence[Question], now: datetime) -> None:
        """Save closed questions, and promise the workers their answers and everybody the news."""
        ...

    async def announce(self, questions: Sequence[Question]) -> None:
        """Promise everybody the news of questions that were asked."""
        ...


class Questions(Protocol):
    """All questions."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Everything in the block, or nothing."""
        ...

    async def page(self, wanted: QuestionFilter, after: tuple[datetime, str] | None, limit: int) -> list[Question]:
        """At most `limit` questions, newest first, beyond the given (asked_at, question_id)."""
        ...

    async def get(self, question_id: str) -> Question | None:
        """One question."""
        ...
