"""SQL that asks and closes questions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from contracts import subjects
from contracts.decided import DecidedEvent, DecidedKind
from contracts.questions import QuestionState
from question_broker.decisions.fencing import Holder
from question_broker.decisions.telling import data_of
from question_broker.domain import Question
from question_broker.store.rows import COLUMNS, arrays, columns, holder_columns, read_question, two_columns
from servicekit import outbox
from servicekit.ids import new_event_id
from servicekit.pg import Connection

ADD = f"""
    INSERT INTO questions ({", ".join(COLUMNS)})
    SELECT * FROM unnest({arrays(COLUMNS)})
    ON CONFLICT (question_id) DO NOTHING
    RETURNING question_id
"""
LOCK = "SELECT * FROM questions WHERE question_id = ANY($1::text[]) ORDER BY question_id FOR UPDATE"
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
LOCK_OF_TASKS = """
    SELECT * FROM questions WHERE state = 'open' AND task_id = ANY($1::text[]) ORDER BY question_id FOR UPDATE
"""
CHANGING = (
    "question_id",
    "state",
    "answer",
    "additional_context",
    "answered_by",
    "answered_at",
    "decision",
    "findings",
    "rule_id",
    "expires_at",
    "needs_approval",
    "waits",
)
SAVE = f"""
    UPDATE questions SET {", ".join(f"{name} = changed.{name}" for name in CHANGING[1:])}
    FROM unnest({arrays(CHANGING)}) AS changed ({", ".join(CHANGING)})
    WHERE questions.question_id = changed.question_id
"""
WAITING = """
    SELECT kind, count(*), extract(epoch FROM $1 - min(asked_at))::float8
    FROM questions WHERE state = 'open' GROUP BY kind
"""
FORGET_HELD = "DELETE FROM held_responses WHERE question_id = ANY($1::text[])"
# Makes the rows that are missing and holds them all, so that who ends an attempt at this moment sees its questions.
CLOSED_THROUGH = """
    INSERT INTO closed_attempts AS known (task_id, attempt)
    SELECT task_id, 0 FROM unnest($1::text[]) AS asked (task_id) ORDER BY task_id
    ON CONFLICT (task_id) DO UPDATE SET attempt = known.attempt, noted_at = excluded.noted_at RETURNING task_id, attempt
"""
CLOSE_THROUGH = """
    INSERT INTO closed_attempts AS known (task_id, attempt)
    SELECT * FROM unnest($1::text[], $2::int[]) AS ended (task_id, attempt) ORDER BY task_id
    ON CONFLICT (task_id) DO UPDATE SET attempt = excluded.attempt, noted_at = excluded.noted_at
    WHERE known.attempt < excluded.attempt
"""
HOLDERS = """
    SELECT task_id, assigned_attempt, assigned_worker, assigned_at FROM closed_attempts
    WHERE task_id = ANY($1::text[]) AND assigned_attempt IS NOT NULL
"""
NOTE_HOLDERS = """
    INSERT INTO closed_attempts AS known (task_id, attempt, assigned_attempt, assigned_worker, assigned_at)
    SELECT task_id, attempt - 1, attempt, worker_id, since
    FROM unnest($1::text[], $2::int[], $3::text[], $4::timestamptz[]) AS new (task_id, attempt, worker_id, since)
    ORDER BY task_id
    ON CONFLICT (task_id) DO UPDATE SET assigned_attempt = excluded.assigned_attempt,
        assigned_worker = excluded.assigned_worker, assigned_at = excluded.assigned_at
    WHERE COALESCE(known.assigned_attempt, 0) < excluded.assigned_attempt
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


class QuestionStatements:
    """Part of a transaction: questions."""

    connection: Connection
    closed_ids: list[str]
    """Of the questions that this transaction has closed."""

    async def add(self, questions: Sequence[Question]) -> list[Question]:
        """Add those whose id is new, and return these."""
        rows = await self.connection.fetch(ADD, *columns(questions, COLUMNS))
        added = {row["question_id"] for row in rows}
        return [question for question in questions if question.question_id in added]

    async def lock(self, question_ids: Sequence[str]) -> dict[str, Question]:
        """Those of the questions that there are, by id, held until the end of the transaction."""
        found = await self.connection.fetch(LOCK, sorted(question_ids))
        return {row["question_id"]: read_question(row) for row in found}

    async def lock_due(self, now: datetime, limit: int) -> list[Question]:
        """Open questions past their deadline that nobody else holds."""
        return [read_question(row) for row in await self.connection.fetch(LOCK_DUE, now, limit)]

    async def lock_ended(self, attempts: Mapping[str, int]) -> list[Question]:
        """Open questions of these tasks from these attempts or earlier ones."""
        return [read_question(row) for row in await self.connection.fetch(LOCK_ENDED, *two_columns(attempts))]

    async def lock_of_tasks(self, task_ids: Sequence[str]) -> list[Question]:
        """Open questions of these tasks."""
        return [read_question(row) for row in await self.connection.fetch(LOCK_OF_TASKS, list(task_ids))]

    async def closed_through(self, task_ids: Sequence[str]) -> dict[str, int]:
        """The last attempt known to have ended, of each task (0: none), held until the end of the transaction."""
        return dict(await self.connection.fetch(CLOSED_THROUGH, sorted(set(task_ids))))

    async def close_through(self, attempts: Mapping[str, int]) -> None:
        """Remember that these attempts, and all before them, have ended."""
        await self.connection.execute(CLOSE_THROUGH, *two_columns(attempts))

    async def holders(self, task_ids: Sequence[str]) -> dict[str, Holder]:
        """Who was given each task last, as far as it is known."""
        found = await self.connection.fetch(HOLDERS, list(task_ids))
        return {
            row["task_id"]: Holder(row["assigned_attempt"], row["assigned_worker"], row["assigned_at"]) for row in found
        }

    async def note_holders(self, holders: Mapping[str, Holder]) -> None:
        """Remember who was given tasks, unless a later attempt is known."""
        await self.connection.execute(NOTE_HOLDERS, *holder_columns(holders))

    async def close(self, questions: Sequence[Question], now: datetime) -> None:
        """Save closed questions, and promise the workers their answers and everybody the news."""
        if not questions:
            return
        await self.save(questions)
        ids = [question.question_id for question in questions]
        await self.connection.execute(FORGET_HELD, ids)
        self.closed_ids += ids
        for subject, answers in _grouped((subjects.answer(q.worker_id), q.to_answer()) for q in questions).items():
            await outbox.append(self.connection, subject, answers)
        await self._tell(_news(question, NEWS[question.state], now) for question in questions)

    async def save(self, questions: Sequence[Question]) -> None:
        """Save questions of which nobody need be told."""
        await self.connection.execute(SAVE, *columns(questions, CHANGING))

    async def approve(self, questions: Sequence[Question], now: datetime) -> None:
        """Save requests for collaboration that may go ahead, and promise everybody the news."""
        if questions:
            await self.save(questions)
            await self._tell(_news(question, DecidedKind.question_approved, now) for question in questions)

    async def announce(self, questions: Sequence[Question]) -> None:
        """Promise everybody the news of questions that were asked."""
        await self._tell(_news(question, DecidedKind.question_asked, question.asked_at) for question in questions)

    async def _tell(self, events: Iterable[DecidedEvent]) -> None:
        for subject, told in _grouped((subjects.for_decided(event.kind), event) for event in events).items():
            await outbox.append(self.connection, subject, told)


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
        actor=_actor(question, kind),
        data=data_of(question, kind),
    )


def _actor(question: Question, kind: DecidedKind) -> str:
    if kind is DecidedKind.question_asked:
        return question.worker_id
    decided_by = question.decision.decided_by if question.decision else None
    return question.answered_by or decided_by or question.worker_id
