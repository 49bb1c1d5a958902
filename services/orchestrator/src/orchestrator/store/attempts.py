"""SQL that closes, judges and publishes attempts.

Whoever changes an attempt and its task takes the attempt first; several are taken in the order of their task ids, which
is that of the arrays, since no plan but a nested loop is allowed here (see PLANNER). So nobody waits in a ring.
"""

from collections.abc import Sequence
from datetime import datetime

from contracts import subjects
from contracts.decided import DecidedKind
from contracts.tasks import AttemptState
from orchestrator.domain import AttemptRef, Closed
from orchestrator.ports import AttemptFacts, Closing, LiveAttempt
from orchestrator.store import rows
from orchestrator.store.planning import LIVE, unplanned
from servicekit.pg import Connection
from servicekit.traces import inject_headers

CLOSE = f"""
    UPDATE attempts AS attempt SET state = said.state, reason = said.reason, ended_at = $7,
        failure_class = said.failure_class, crashes = said.crashes,
        published_at = COALESCE(attempt.published_at, $7),
        started_at = COALESCE(attempt.started_at, GREATEST(attempt.assigned_at, LEAST($7, said.started_at)))
    FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $8::text[], $9::int[])
        AS said(task_id, attempt, worker_id, state, reason, started_at, failure_class, crashes)
    JOIN tasks AS task ON task.task_id = said.task_id
    WHERE attempt.task_id = said.task_id AND attempt.attempt = said.attempt AND attempt.worker_id = said.worker_id
        AND {LIVE} AND task.attempt = attempt.attempt
    RETURNING attempt.task_id, attempt.attempt, attempt.worker_id, task.burned, task.max_attempts, task.refusals,
        task.work_key, attempt.started_at, task.collaboration ->> 'question_id' AS question_id, task.crashes,
        (task.requirements #>> '{{limits,queue_ms}}')::bigint AS queue_ms
"""
# A worker that asked for the task gets the helper's own account of it, unless it was told more before.
OVERVIEW = "left(analytics::jsonb #>> '{claimed,summary,overview}', 8000)"
TOLD = f"""
    CASE WHEN question_id IS NULL THEN told ELSE (
        told::jsonb || jsonb_build_object('question_id', question_id,
            'data', told::jsonb -> 'data' || jsonb_strip_nulls(jsonb_build_object('overview', {OVERVIEW})))
    )::text END
"""
PART = "CASE WHEN question_id IS NULL THEN (row_number() OVER () - 1) / 256 ELSE - row_number() OVER () END"
COMPLETE = f"""
    WITH closed AS (
        UPDATE attempts AS attempt SET state = 'completed', ended_at = $8,
            published_at = COALESCE(attempt.published_at, $8),
            started_at = COALESCE(attempt.started_at, GREATEST(attempt.assigned_at, LEAST($8, said.started_at)))
        FROM unnest($1::text[], $2::int[], $3::text[], $4::timestamptz[], $5::int[], $6::text[], $7::text[])
            AS said(task_id, attempt, worker_id, started_at, execution_time_ms, analytics, told)
        JOIN tasks AS task ON task.task_id = said.task_id
        WHERE attempt.task_id = said.task_id AND attempt.attempt = said.attempt
            AND attempt.worker_id = said.worker_id AND {LIVE}
            AND task.attempt = attempt.attempt
        RETURNING attempt.task_id, attempt.attempt, attempt.worker_id, attempt.started_at, task.work_key,
            said.execution_time_ms, said.analytics, said.told, task.collaboration ->> 'question_id' AS question_id
    ), settled AS (
        UPDATE tasks AS task SET status = 'completed', reason = NULL, burned = task.burned + 1, avoid_worker = NULL,
            completed_at = $8, started_at = COALESCE(closed.started_at, task.started_at), open_questions = '{{}}',
            execution_time_ms = closed.execution_time_ms, analytics = closed.analytics::jsonb
        FROM closed WHERE task.task_id = closed.task_id
    ), counted AS (
        UPDATE workers AS worker SET tasks_completed = worker.tasks_completed + done.many
        FROM (SELECT worker_id, count(*) AS many FROM closed GROUP BY worker_id ORDER BY worker_id) AS done
        WHERE worker.worker_id = done.worker_id
    ), learned AS (
        INSERT INTO experience AS known (worker_id, work_key, completed, mean_ms, last_at)
        SELECT worker_id, work_key, count(*), avg(execution_time_ms), $8
        FROM closed GROUP BY worker_id, work_key ORDER BY worker_id, work_key
        ON CONFLICT (worker_id, work_key) DO UPDATE SET completed = known.completed + excluded.completed,
            last_at = excluded.last_at, mean_ms = CASE WHEN known.mean_ms = 0 THEN excluded.mean_ms
                ELSE 0.8 * known.mean_ms + 0.2 * excluded.mean_ms END
    ), said AS (
        INSERT INTO outbox (subject, items, payload, headers)
        SELECT $9, count(*), convert_to(string_agg(told, ','), 'UTF8'), $10
        FROM (SELECT {TOLD} AS told, {PART} AS part FROM closed) AS numbered GROUP BY part
    )
    SELECT task_id, attempt FROM closed
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
MARK_PUBLISHED = f"""
    WITH open AS (
        SELECT attempt.task_id, attempt.attempt FROM unnest($1::text[], $2::int[]) AS said(task_id, attempt)
        JOIN attempts AS attempt ON attempt.task_id = said.task_id AND attempt.attempt = said.attempt
        WHERE {unplanned("attempt.ended_at IS NULL AND attempt.published_at IS NULL")}
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
    has_news: bool
    """Whether something is in the outbox that `write_outbox` did not put there."""

    async def close(self, closings: Sequence[Closing], now: datetime) -> list[Closed]:
        """Close live attempts; those that were not live, or not this worker's, are left out of the answer."""
        ordered = sorted(closings, key=lambda closing: closing.ref.task_id)
        closed = await self.conn.fetch(
            CLOSE,
            [closing.ref.task_id for closing in ordered],
            [closing.ref.attempt for closing in ordered],
            [closing.worker_id for closing in ordered],
            [closing.ending.state.value for closing in ordered],
            [closing.ending.reason for closing in ordered],
            [closing.ending.started_at for closing in ordered],
            now,
            [closing.ending.failure_class for closing in ordered],
            [closing.ending.crashes for closing in ordered],
        )
        return [rows.closed(row) for row in closed]

    async def complete(self, closings: Sequence[Closing], told: Sequence[bytes], now: datetime) -> set[AttemptRef]:
        """`close`, `settle`, `count_ended` and `emit` in one statement, for attempts that completed.

        `told` is the JSON of the event for each. Those that were not live, or not this worker's, are left out.
        """
        ordered = sorted(zip(closings, told, strict=True), key=lambda pair: pair[0].ref.task_id)
        closed = await self.conn.fetch(
            COMPLETE,
            [closing.ref.task_id for closing, _ in ordered],
            [closing.ref.attempt for closing, _ in ordered],
            [closing.worker_id for closing, _ in ordered],
            [closing.ending.started_at for closing, _ in ordered],
            [closing.ending.execution_time_ms for closing, _ in ordered],
            [(closing.ending.analytics or b"{}").decode() for closing, _ in ordered],
            [json.decode() for _, json in ordered],
            now,
            subjects.for_decided(DecidedKind.task_completed),
            dict(inject_headers()),
        )
        self.has_news = True
        return {AttemptRef(row["task_id"], row["attempt"]) for row in closed}

    async def facts_of(self, refs: Sequence[AttemptRef]) -> dict[AttemptRef, AttemptFacts]:
        """What is known of these attempts."""
        found = await self.conn.fetch(FACTS, *ref_columns(refs))
        return {
            AttemptRef(row["task_id"], row["attempt"]): AttemptFacts(
                row["worker_id"], AttemptState(row["state"]), row["is_current"]
            )
            for row in found
        }

    async def mark_stale(self, refs: Sequence[AttemptRef]) -> list[AttemptRef]:
        """Remember that these attempts spoke after they were closed; those for which it is new."""
        marked = await self.conn.fetch(MARK_STALE, *ref_columns(refs))
        return [AttemptRef(row["task_id"], row["attempt"]) for row in marked]

    async def live_attempts_of(self, worker_id: str) -> list[LiveAttempt]:
        """The live attempts of one worker."""
        return [rows.live_attempt(row) for row in await self.conn.fetch(LIVE_OF, worker_id)]


def ref_columns(refs: Sequence[AttemptRef]) -> tuple[list[str], list[int]]:
    """Attempts as two arrays."""
    return [ref.task_id for ref in refs], [ref.attempt for ref in refs]
