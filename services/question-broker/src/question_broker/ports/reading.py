"""Questions and the fleet's memory, and who waits for an answer."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.learnings import Learning
from contracts.questions import QuestionKind, QuestionState
from question_broker.decisions.suggesting import Earlier
from question_broker.domain import Question
from question_broker.ports.writing import Transaction


@dataclass(frozen=True, slots=True)
class QuestionFilter:
    """Which questions a reader wants; None or empty: any."""

    states: tuple[QuestionState, ...] = ()
    kinds: tuple[QuestionKind, ...] = ()
    task_id: str | None = None
    worker_id: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many questions of one kind are open, and how long the oldest has been, in s."""

    kind: str
    open: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class LearningFilter:
    """Which learnings a reader wants: with all of the tags; about the repository or about all (None: any)."""

    tags: tuple[str, ...] = ()
    repository: str | None = None


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

    async def waiting(self, now: datetime) -> list[Waiting]:
        """What is open, by kind."""
        ...

    async def similar(self, questions: Sequence[Question]) -> list[tuple[str, Earlier]]:
        """Answered questions with words of these, newest first, each with the id of the one it is a candidate for."""
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
