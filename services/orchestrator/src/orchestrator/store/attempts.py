"""SQL that closes, judges and publishes attempts.

Whoever changes an attempt and its task takes the attempt first; several are taken in the order of their task ids, which
is that of the arrays, since no plan but a nested loop is allowed here (see PLANNER). So nobody waits in a ring.
"""

from collections.abc import Sequence
from datetime import datetime

from contracts.tasks import AttemptState
from orchestrator.domain import AttemptRef, Closed
from orchestrator.ports import AttemptFacts, Closing, LiveAttempt
from orchestrator.store import rows
from servicekit.pg import Connection

CLOSE = """
    UPDATE attempts AS attempt SET state = said.state, reason = said.reason, ended_at = $7,
        published_at = COALESCE(attempt.published_at, $7),
        started_at = COALESCE(attempt.started_at, GREATEST(attempt.assigned_at, LEAST($7, said.started_at)))
    FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
        AS said(task_id, attempt, worker_id, state, reason, started_at)
    JOIN tasks AS task ON task.task_id = said.task_id
    WHERE attempt.task_id = said.task_id AND attempt.attempt = said.attempt AND attempt.worker_id = said.worker_id
        AND attempt.state IN ('assigned', 'running') AND task.attempt = attempt.attempt
    RETURNING attempt.task_id, attempt.attempt, attempt.worker_id, task.burned, task.max_attempts, task.refusals,
        task.work_key, attempt.started_at
"""
FACTS = """
    SELECT attempt.task_id, attempt.attempt, attempt.worker_id, attempt.state,
        attempt.attempt = task.attempt AS is_current
    FROM unnest($1::text[], $2::int[]) AS said(task_id, attempt)
    JOIN attempts AS attempt ON attempt.task_id = said.task_id AND attempt.attempt = said.attempt
    JOIN tasks AS task ON task.task_id = said.task_id
"""
MARK_STALE = """
    UPDATE attempts AS attempt SET stale_reported = true
    FROM unnest($1::text[], $2::int[]) AS said(task_id, attempt)
    WHERE attempt.task_id = said.task_id AND attempt.attempt = said.attempt AND NOT attempt.stale_reported
    RETURNING attempt.task_id, attempt.attempt
"""
# Whoever holds one of them is closing it or has heard of it, and marks it too: nobody need wait here.
MARK_PUBLISHED = """
    WITH open AS (
        SELECT attempt.task_id, attempt.attempt FROM unnest($1::text[], $2::int[]) AS said(task_id, attempt)
        JOIN attempts AS attempt ON attempt.task_id = said.task_id AND attempt.attempt = said.attempt
        WHERE attempt.state IN ('assigned', 'running') AND attempt.published_at IS NULL
        FOR NO KEY UPDATE OF attempt SKIP LOCKED
    )
    UPDATE attempts AS attempt SET published_at = $3 FROM open
    WHERE attempt.task_id = open.task_id AND attempt.attempt = open.attempt
"""
LIVE_OF = """
    SELECT task_id, attempt, worker_id, state FROM attempts
    WHERE worker_id = $1 AND state IN ('assigned', 'running') ORDER BY task_id
"""


class AttemptStatements:
    """Part of a session: attempts."""

    conn: Connection

    async def close(self, closings: Sequence[Closing], now: datetime) -> list[Closed]:
        """Close live attempts; those that were not live, or not this worker's, are left out of the answer."""
        ordered = sorted(closings, key=lambda closing: closing.ref.task_id)
        closed = await self.conn.fetch(
            CLOSE,
            [closing.ref.task_id for closing in ordered],
            [closing.ref.attempt for closing in ordered],
            [closing.worker_id for closing in ordered],
            [closing.ending.state.value for closing in ordered],
            [rows.storable_text(closing.ending.reason) for closing in ordered],
            [closing.ending.started_at for closing in ordered],
            now,
        )
        return [rows.closed(row) for row in closed]

    async def facts_of(self, refs: Sequence[AttemptRef]) -> dict[AttemptRef, AttemptFacts]:
        """What is known of these attempts."""
        found = await self.conn.fetch(FACTS, *_columns(refs))
        return {
            AttemptRef(row["task_id"], row["attempt"]): AttemptFacts(
                row["worker_id"], AttemptState(row["state"]), row["is_current"]
            )
            for row in found
        }

    async def mark_stale(self, refs: Sequence[AttemptRef]) -> list[AttemptRef]:
        """Remember that these attempts spoke after they were closed; those for which it is new."""
        marked = await self.conn.fetch(MARK_STALE, *_columns(refs))
        return [AttemptRef(row["task_id"], row["attempt"]) for row in marked]

    async def mark_published(self, refs: Sequence[AttemptRef], now: datetime) -> None:
        """The broker has these assignments."""
        await self.conn.execute(MARK_PUBLISHED, *_columns(refs), now)

    async def live_attempts_of(self, worker_id: str) -> list[LiveAttempt]:
        """The live attempts of one worker."""
        return [rows.live_attempt(row) for row in await self.conn.fetch(LIVE_OF, worker_id)]


def _columns(refs: Sequence[AttemptRef]) -> tuple[list[str], list[int]]:
    return [ref.task_id for ref in refs], [ref.attempt for ref in refs]
