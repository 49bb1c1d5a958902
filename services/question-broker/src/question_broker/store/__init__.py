"""The only SQL of the question-broker."""

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from contracts.batches import Batch, ItemT
from question_broker.decisions.suggesting import Earlier
from question_broker.domain import Question
from question_broker.ports import QuestionFilter, Waiting
from question_broker.store.collaboration import CollaborationStatements
from question_broker.store.escalations import PostgresEscalations
from question_broker.store.learnings import LearningStatements, PostgresLearnings
from question_broker.store.questions import GET, PAGE, WAITING, QuestionStatements
from question_broker.store.requests import RequestStatements
from question_broker.store.retaining import policies
from question_broker.store.rows import read_question
from question_broker.store.rules import PostgresRules, RuleStatements
from question_broker.store.suggesting import similar
from servicekit import inbox
from servicekit.bus import Received
from servicekit.pg import Connection, Database

__all__ = ["PostgresEscalations", "PostgresLearnings", "PostgresQuestions", "PostgresRules", "policies"]


class PostgresTransaction(
    QuestionStatements, CollaborationStatements, RequestStatements, RuleStatements, LearningStatements
):
    """One transaction of PostgreSQL."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.closed_ids: list[str] = []

    async def claim(self, consumer: str, received: Sequence[Received[Batch[ItemT]]]) -> list[ItemT]:
        """What is in those of the batches that were not applied before; from now on they count as applied."""
        return [item for batch in await inbox.claim(self.connection, consumer, received) for item in batch.batch.events]


class PostgresQuestions:
    """All questions, in PostgreSQL."""

    def __init__(
        self, database: Database, committed: Callable[[], None], closed: Callable[[Collection[str]], None]
    ) -> None:
        self._database = database
        self._committed = committed
        self._closed = closed

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[PostgresTransaction]:
        """Everything in the block, or nothing.

        Afterwards `committed` is called, for the outbox, and `closed` with the ids of the questions that were closed.
        """
        async with self._database.transaction() as connection:
            into = PostgresTransaction(connection)
            yield into
        self._committed()
        self._closed(into.closed_ids)

    async def page(self, wanted: QuestionFilter, after: tuple[datetime, str] | None, limit: int) -> list[Question]:
        """At most `limit` questions, newest first, beyond the given (asked_at, question_id)."""
        asked_at, question_id = after or (None, None)
        filters = (wanted.states, wanted.kinds, wanted.task_id, wanted.worker_id)
        async with self._database.acquire() as connection:
            rows = await connection.fetch(PAGE, *filters, asked_at, question_id, limit)
        return [read_question(row) for row in rows]

    async def get(self, question_id: str) -> Question | None:
        """One question."""
        async with self._database.acquire() as connection:
            row = await connection.fetchrow(GET, question_id)
        return read_question(row) if row else None

    async def waiting(self, now: datetime) -> list[Waiting]:
        """What is open, by kind."""
        async with self._database.acquire() as connection:
            return [Waiting(*row) for row in await connection.fetch(WAITING, now)]

    async def similar(self, questions: Sequence[Question]) -> list[tuple[str, Earlier]]:
        """Answered questions with words of these, newest first, each with the id of the one it is a candidate for."""
        async with self._database.acquire() as connection:
            return await similar(connection, questions)
