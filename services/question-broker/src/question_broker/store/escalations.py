"""SQL of escalations."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from contracts.escalations import EscalationState, EscalationView
from question_broker.domain import Question
from question_broker.ports import Claimed, Escalation, Settled
from question_broker.store.rows import read_question
from servicekit.pg import Connection, Database

# Help goes ahead by itself, unless it waits for a manager.
LOCK_WAITING = """
    SELECT * FROM questions
    WHERE state = 'open' AND escalated_at IS NULL AND (kind <> 'collaboration_request' OR needs_approval)
        AND asked_at <= CASE priority WHEN 'critical' THEN $1::timestamptz ELSE $2::timestamptz END
        AND NOT EXISTS (SELECT FROM escalations WHERE escalations.question_id = questions.question_id)
    ORDER BY asked_at LIMIT $3 FOR UPDATE SKIP LOCKED
"""
ADD = """
    INSERT INTO escalations
        (escalation_id, question_id, priority, state, payload, attempts, next_attempt_at, created_at)
    SELECT escalation_id, question_id, priority, 'pending', payload, 0, $5, $5
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) AS new (escalation_id, question_id, priority, payload)
    ON CONFLICT (question_id) DO NOTHING
"""
CLAIM = """
    WITH due AS (
        SELECT escalation_id FROM escalations
        WHERE state = 'pending' AND next_attempt_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1)
        ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED
    )
    UPDATE escalations SET attempts = attempts + 1, claimed_until = $2 FROM due, questions
    WHERE escalations.escalation_id = due.escalation_id AND questions.question_id = escalations.question_id
    RETURNING escalations.escalation_id, escalations.question_id, payload, attempts, questions.state = 'open' AS is_open
"""
# Whoever was taken for lost and comes back late has another number of attempts, and changes nothing.
SETTLE = """
    UPDATE escalations SET state = new.state, next_attempt_at = new.next_attempt_at, claimed_until = NULL,
        sent_at = CASE new.state WHEN 'sent' THEN $6::timestamptz END, last_error = new.last_error
    FROM unnest($1::text[], $2::int[], $3::text[], $4::timestamptz[], $5::text[])
        AS new (escalation_id, attempts, state, next_attempt_at, last_error)
    WHERE escalations.escalation_id = new.escalation_id AND escalations.attempts = new.attempts
        AND escalations.state = 'pending'
    RETURNING escalations.question_id, escalations.state
"""
MARK = "UPDATE questions SET escalated_at = $2 WHERE question_id = ANY($1::text[]) AND escalated_at IS NULL"
PAGE = """
    SELECT * FROM escalations
    WHERE ($1::text IS NULL OR state = $1) AND ($2::timestamptz IS NULL OR (created_at, escalation_id) < ($2, $3))
    ORDER BY created_at DESC, escalation_id DESC LIMIT $4
"""


class PostgresEscalationWrites:
    """Escalations inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock_waiting(self, critical_since: datetime, since: datetime, limit: int) -> list[Question]:
        """Open questions that nobody was told of, asked before these times, that nobody else holds."""
        rows = await self._connection.fetch(LOCK_WAITING, critical_since, since, limit)
        return [read_question(row) for row in rows]

    async def add(self, escalations: Sequence[Escalation], now: datetime) -> None:
        """Promise messages."""
        await self._connection.execute(
            ADD,
            [one.escalation_id for one in escalations],
            [one.question.question_id for one in escalations],
            [one.question.priority for one in escalations],
            [one.payload for one in escalations],
            now,
        )


class PostgresEscalations:
    """All escalations, in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[PostgresEscalationWrites]:
        """Everything in the block, or nothing."""
        async with self._database.transaction() as connection:
            yield PostgresEscalationWrites(connection)

    async def claim(self, now: datetime, until: datetime, limit: int) -> list[Claimed]:
        """Messages that are due, which nobody else sends until then."""
        async with self._database.transaction() as connection:
            return [Claimed(**dict(row)) for row in await connection.fetch(CLAIM, now, until, limit)]

    async def settle(self, settled: Sequence[Settled], now: datetime) -> None:
        """Save what became of messages; a question whose message was sent is marked so."""
        values = (
            [one.claimed.escalation_id for one in settled],
            [one.claimed.attempts for one in settled],
            [one.state.value for one in settled],
            [one.next_attempt_at for one in settled],
            [one.error for one in settled],
        )
        async with self._database.transaction() as connection:
            rows = await connection.fetch(SETTLE, *values, now)
            await connection.execute(MARK, [row["question_id"] for row in rows if row["state"] == "sent"], now)

    async def page(
        self, state: EscalationState | None, after: tuple[datetime, str] | None, limit: int
    ) -> list[EscalationView]:
        """At most `limit` escalations, newest first, beyond the given (created_at, escalation_id)."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(PAGE, state, *(after or (None, None)), limit)
        return [_view(row) for row in rows]


def _view(row: asyncpg.Record) -> EscalationView:
    return EscalationView.model_validate(dict(row))
