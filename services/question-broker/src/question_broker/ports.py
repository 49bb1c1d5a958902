"""What the handlers need of the outside."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.batches import Batch, ItemT
from contracts.events import CollaborationResponseEvent
from contracts.learnings import Learning
from contracts.questions import QuestionKind, QuestionState
from question_broker.decisions.remembering import NewLearning
from question_broker.domain import Link, Question
from servicekit.bus import Received


@dataclass(frozen=True, slots=True)
class QuestionFilter:
    """Which questions a reader wants; None or empty: any."""

    states: tuple[QuestionState, ...] = ()
    kinds: tuple[QuestionKind, ...] = ()
    task_id: str | None = None
    worker_id: str | None = None


@dataclass(frozen=True, slots=True)
class LearningFilter:
    """Which learnings a reader wants: with all of the tags; about the repository or about all (None: any)."""

    tags: tuple[str, ...] = ()
    repository: str | None = None


class QuestionWrites(Protocol):
    """The questions inside one transaction."""

    async def add(self, questions: Sequence[Question]) -> list[Question]:
        """Add those whose id is new, and return these."""
        ...

    async def lock(self, question_ids: Sequence[str]) -> dict[str, Question]:
        """Those of the questions that there are, by id, held until the end of the transaction."""
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

    async def link(self, links: Sequence[Link]) -> None:
        """Remember who works on requests for collaboration, unless a later attempt is known."""
        ...

    async def hold(self, responses: Sequence[CollaborationResponseEvent], now: datetime) -> None:
        """Keep responses until the news of the attempts that they come from is there."""
        ...

    async def take_held(self, question_ids: Sequence[str]) -> list[CollaborationResponseEvent]:
        """The responses that were kept for these requests, in order, which are kept no longer."""
        ...


class Transaction(QuestionWrites, Protocol):
    """One transaction."""

    async def claim(self, consumer: str, received: Sequence[Received[Batch[ItemT]]]) -> list[ItemT]:
        """What is in those of the batches that were not applied before; from now on they count as applied."""
        ...

    async def remember(self, learnings: Sequence[NewLearning]) -> None:
        """Keep learnings; what was shared before is counted."""
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


class Learnings(Protocol):
    """The fleet's memory."""

    async def newest(self, wanted: LearningFilter, after: tuple[datetime, str] | None, limit: int) -> list[Learning]:
        """At most `limit` learnings, newest first, beyond the given (shared_at, learning_id)."""
        ...

    async def search(
        self, query: str, wanted: LearningFilter, after: tuple[float, str] | None, limit: int
    ) -> tuple[list[Learning], int]:
        """At most `limit` learnings that fit all of the query, best first, beyond the given (score, learning_id).

        Where none does, those that fit any of its words. And how many fit in all.
        """
        ...


class Closings(Protocol):
    """Tells when a question is closed in this process."""

    @property
    def ended(self) -> bool:
        """This process stops: nobody should wait any more."""
        ...

    def watch(self, question_id: str) -> "AbstractAsyncContextManager[Watch]":
        """Nothing that happens in the block is missed."""
        ...


class Watch(Protocol):
    """Waits for one question."""

    async def closed(self, within_s: float) -> None:
        """Return once the question is closed here, or the time is over."""
        ...
