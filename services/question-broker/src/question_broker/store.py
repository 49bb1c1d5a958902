"""The only SQL of the question-broker."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from contracts import subjects
from contracts.batches import Batch, ItemT
from contracts.decided import DecidedEvent, DecidedKind
from contracts.questions import QuestionKind, QuestionState
from question_broker.domain import Question
from question_broker.ports import QuestionFilter
from servicekit import inbox, outbox
from servicekit.bus import Received
from servicekit.ids import new_event_id
from servicekit.pg import Connection, Database

COLUMNS = tuple(field.name for field in fields(Question))
TYPES = {
    "attempt": "int",
    "options": "jsonb",
    "asked_at": "timestamptz",
    "expires_at": "timestamptz",
    "answered_at": "timestamptz",
}
ARRAYS = ", ".join(f"${at}::{TYPES.get(name, 'text')}[]" for at, name in enumerate(COLUMNS, start=1))

ADD = f"""
    INSERT INTO questions ({", ".join(COLUMNS)})
    SELECT * FROM unnest({ARRAYS})
    ON CONFLICT (question_id) DO NOTHING
    RETURNING question_id
"""
LOCK = "SELECT * FROM questions WHERE question_id = $1 FOR UPDATE"
LOCK_DUE = """
    SELECT * FROM questions WHERE state = 'open' AND expires_at <= $1
    ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""
LOCK_ENDED = """
    SELECT questions.* FROM questions
    JOIN unnest($1::text[], $2::int[]) AS ended (task_id, attempt) USING (task_id)
    WHERE state = 'open' AND questions.attempt <= ended.attempt
    ORDER BY question_id FOR UPDATE OF questions
"""
CLOSE = """
    UPDATE questions SET state = closed.state, answer = closed.answer, additional_context = closed.additional_context,
        answered_by = closed.answered_by, answered_at = closed.answered_at
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
        AS closed (question_id, state, answer, additional_context, answered_by, answered_at)
    WHERE questions.question_id = closed.question_id
"""
# Makes the rows that are missing and holds them all, so that who ends an attempt at this moment sees its questions.
CLOSED_THROUGH = """
    INSERT INTO closed_attempts AS known (task_id, attempt)
    SELECT task_id, 0 FROM unnest($1::text[]) AS asked (task_id) ORDER BY task_id
    ON CONFLICT (task_id) DO UPDATE SET attempt = known.attempt RETURNING task_id, attempt
"""
CLOSE_THROUGH = """
    INSERT INTO closed_attempts AS known (task_id, attempt)
    SELECT * FROM unnest($1::text[], $2::int[]) AS ended (task_id, attempt) ORDER BY task_id
    ON CONFLICT (task_id) DO UPDATE SET attempt = excluded.attempt WHERE known.attempt < excluded.attempt
"""
GET = "SELECT * FROM questions WHERE question_id = $1"
PAGE = """
    SELECT * FROM questions
    WHERE (cardinality($1::text[]) = 0 OR state = ANY($1))
      AND (cardinality($2::text[]) = 0 OR kind = ANY($2))
      AND ($3::text IS NULL OR task_id = $3)
      AND ($4::text IS NULL OR worker_id = $4)
      AND ($5::timestamptz IS NULL OR (asked_at, question_id) < ($5, $6))
    ORDER BY asked_at DESC, question_id DESC LIMIT $7
"""
NEWS = {
    QuestionState.answered: DecidedKind.question_answered,
    QuestionState.auto_answered: DecidedKind.question_answered,
    QuestionState.expired: DecidedKind.question_expired,
    QuestionState.withdrawn: DecidedKind.question_withdrawn,
}


class PostgresTransaction:
    """The questions inside one transaction of PostgreSQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, consumer: str, received: Sequence[Received[Batch[ItemT]]]) -> list[ItemT]:
        """What is in those of the batches that were not applied before; from now on they count as applied."""
        return [
            item for batch in await inbox.claim(self._connection, consumer, received) for item in batch.batch.events
        ]

    async def add(self, questions: Sequence[Question]) -> list[Question]:
        """Add those whose id is new, and return these."""
        columns = [[_plain(getattr(question, name)) for question in questions] for name in COLUMNS]
        added = {row["question_id"] for row in await self._connection.fetch(ADD, *columns)}
        return [question for question in questions if question.question_id in added]

    async def lock(self, question_id: str) -> Question | None:
        """One question, held until the end of the transaction."""
        row = await self._connection.fetchrow(LOCK, question_id)
        return _question(row) if row else None

    async def lock_due(self, now: datetime, limit: int) -> list[Question]:
        """Open questions past their deadline that nobody else holds."""
        return [_question(row) for row in await self._connection.fetch(LOCK_DUE, now, limit)]

    async def lock_ended(self, attempts: Mapping[str, int]) -> list[Question]:
        """Open questions of these tasks from these attempts or earlier ones."""
        return [_question(row) for row in await self._connection.fetch(LOCK_ENDED, *_two_columns(attempts))]

    async def closed_through(self, task_ids: Sequence[str]) -> dict[str, int]:
        """The last attempt known to have ended, of each task (0: none), held until the end of the transaction."""
        return dict(await self._connection.fetch(CLOSED_THROUGH, sorted(set(task_ids))))

    async def close_through(self, attempts: Mapping[str, int]) -> None:
        """Remember that these attempts, and all before them, have ended."""
        await self._connection.execute(CLOSE_THROUGH, *_two_columns(attempts))

    async def close(self, questions: Sequence[Question], now: datetime) -> None:
        """Save closed questions, and promise the workers their answers and everybody the news."""
        if not questions:
            return
        names = ("question_id", "state", "answer", "additional_context", "answered_by", "answered_at")
        await self._connection.execute(CLOSE, *([_plain(getattr(q, name)) for q in questions] for name in names))
        for subject, answers in _grouped((subjects.answer(q.worker_id), q.to_answer()) for q in questions).items():
            await outbox.append(self._connection, subject, answers)
        await self._tell(_news(question, NEWS[question.state], now) for question in questions)

    async def announce(self, questions: Sequence[Question]) -> None:
        """Promise everybody the news of questions that were asked."""
        await self._tell(_news(question, DecidedKind.question_asked, question.asked_at) for question in questions)

    async def _tell(self, events: Iterable[DecidedEvent]) -> None:
        for subject, told in _grouped((subjects.for_decided(event.kind), event) for event in events).items():
            await outbox.append(self._connection, subject, told)


class PostgresQuestions:
    """All questions, in PostgreSQL."""

    def __init__(self, database: Database, committed: Callable[[], None]) -> None:
        self._database = database
        self._committed = committed

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[PostgresTransaction]:
        """Everything in the block, or nothing; afterwards `committed` is called, for the outbox."""
        async with self._database.transaction() as connection:
            yield PostgresTransaction(connection)
        self._committed()

    async def page(self, wanted: QuestionFilter, after: tuple[datetime, str] | None, limit: int) -> list[Question]:
        """At most `limit` questions, newest first, beyond the given (asked_at, question_id)."""
        asked_at, question_id = after or (None, None)
        filters = (wanted.states, wanted.kinds, wanted.task_id, wanted.worker_id)
        async with self._database.acquire() as connection:
            rows = await connection.fetch(PAGE, *filters, asked_at, question_id, limit)
        return [_question(row) for row in rows]

    async def get(self, question_id: str) -> Question | None:
        """One question."""
        async with self._database.acquire() as connection:
            row = await connection.fetchrow(GET, question_id)
        return _question(row) if row else None


def _question(row: asyncpg.Record) -> Question:
    given: dict[str, Any] = dict(row)
    given["kind"] = QuestionKind(given["kind"])
    given["state"] = QuestionState(given["state"])
    given["options"] = tuple(given["options"])
    return Question(**given)


def _plain(value: Any) -> Any:
    # asyncpg would take a list in an array for another dimension of it.
    return orjson.Fragment(orjson.dumps(value)) if isinstance(value, tuple) else value


def _two_columns(attempts: Mapping[str, int]) -> tuple[list[str], list[int]]:
    ordered = sorted(attempts.items())
    return [task_id for task_id, _ in ordered], [attempt for _, attempt in ordered]


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def _news(question: Question, kind: DecidedKind, at: datetime) -> DecidedEvent:
    return DecidedEvent(
        event_id=new_event_id(),
        kind=kind,
        occurred_at=at,
        task_id=question.task_id,
        attempt=question.attempt,
        worker_id=question.worker_id,
        question_id=question.question_id,
        actor=question.answered_by or question.worker_id,
        data={"question": question.question[:500], "kind": question.kind.value},
    )
