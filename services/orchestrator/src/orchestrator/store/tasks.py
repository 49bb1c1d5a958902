"""SQL that creates and moves tasks; every statement takes arrays and does a whole batch."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from contracts.tasks import TaskView
from orchestrator.domain import LIVE_STATES, RETRYABLE_STATES, AttemptRef, Fate, NewTaskRow
from orchestrator.ports import Moved, ProgressMade
from orchestrator.store import rows
from orchestrator.store.attempts import ref_columns
from orchestrator.store.dispatching import INSERT, task_columns
from orchestrator.store.planning import LIVE, QUEUED, unplanned
from servicekit.pg import Connection

IN_WORK = unplanned("task.status IN ('" + "', '".join(sorted(LIVE_STATES)) + "')")

BY_KEY = "SELECT * FROM tasks WHERE idempotency_key = ANY($1::text[])"
READ = "SELECT * FROM tasks WHERE task_id = $1"
CANCEL = f"""
    UPDATE tasks SET status = 'cancelled', reason = $2, completed_at = $3, next_attempt_at = NULL
    WHERE task_id = $1 AND {QUEUED} RETURNING true
"""
TIME_OUT = f"""
    UPDATE tasks AS task SET status = 'timed_out', reason = late.reason, completed_at = $4, next_attempt_at = NULL
    FROM unnest($1::text[], $2::int[], $3::text[]) AS late(task_id, attempt, reason)
    WHERE task.task_id = late.task_id AND task.attempt = late.attempt
        AND {unplanned("status = 'queued' AND task.queue_until <= $4")}
    RETURNING task.task_id, task.attempt
"""
REQUEUE = """
    UPDATE tasks SET status = 'queued', reason = NULL, rank_at = $2, burned = 0, refusals = 0, next_attempt_at = NULL,
        assigned_worker = NULL, started_at = NULL, completed_at = NULL, execution_time_ms = NULL, analytics = NULL,
        claim = NULL, progress = NULL, open_questions = '{}', avoid_worker = NULL, failure_class = NULL, crashes = 0,
        queue_until = $4
    WHERE task_id = $1 AND status = ANY($3::text[]) RETURNING true
"""
SETTLE = """
    UPDATE tasks AS task SET status = fate.status, reason = fate.reason, burned = fate.burned,
        refusals = fate.refusals, next_attempt_at = fate.next_attempt_at, avoid_worker = fate.avoid_worker,
        completed_at = CASE WHEN fate.status = 'queued' THEN NULL ELSE $12::timestamptz END,
        started_at = COALESCE(fate.started_at, task.started_at), execution_time_ms = fate.execution_time_ms,
        analytics = COALESCE(fate.analytics::jsonb, task.analytics), open_questions = '{}',
        assigned_worker = CASE WHEN fate.status = 'queued' THEN NULL ELSE task.assigned_worker END,
        failure_class = fate.failure_class, crashes = fate.crashes, queue_until = fate.queue_until
    FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::int[], $6::int[], $7::timestamptz[],
        $8::text[], $9::timestamptz[], $10::int[], $11::text[], $13::text[], $14::int[], $15::timestamptz[])
        AS fate(task_id, attempt, status, reason, burned, refusals, next_attempt_at, avoid_worker, started_at,
            execution_time_ms, analytics, failure_class, crashes, queue_until)
    WHERE task.task_id = fate.task_id AND task.attempt = fate.attempt
"""
MADE = """
    unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::bool[])
        AS made(task_id, attempt, worker_id, progress, first_at, paused)
"""
BEGIN = f"""
    UPDATE attempts AS attempt SET state = 'running', published_at = COALESCE(attempt.published_at, $7),
        started_at = GREATEST(attempt.assigned_at, LEAST($7, made.first_at))
    FROM {MADE}
    WHERE attempt.task_id = made.task_id AND attempt.attempt = made.attempt AND attempt.worker_id = made.worker_id
        AND {unplanned("attempt.ended_at IS NULL AND attempt.started_at IS NULL")}
        AND made.progress IS NOT NULL AND made.paused IS NOT NULL
"""
ADVANCE = f"""
    UPDATE tasks AS task SET progress = made.progress::jsonb,
        started_at = COALESCE(task.started_at, LEAST($7, made.first_at)),
        status = CASE WHEN made.paused THEN 'paused'
            WHEN cardinality(task.open_questions) > 0 THEN 'waiting' ELSE 'running' END
    FROM {MADE} JOIN tasks AS old ON old.task_id = made.task_id
    WHERE task.task_id = made.task_id AND task.attempt = made.attempt AND task.assigned_worker = made.worker_id
        AND {IN_WORK}
    RETURNING task.task_id, task.attempt, task.assigned_worker, old.status AS before, task.status AS after
"""
# A pause does not count against the time that an attempt may run.
WENT_ON = f"""
    UPDATE attempts AS attempt SET resumed_at = $3 FROM unnest($1::text[], $2::int[]) AS moved(task_id, attempt)
    WHERE attempt.task_id = moved.task_id AND attempt.attempt = moved.attempt AND {LIVE}
"""
CLAIM = f"""
    UPDATE tasks AS task SET claim = said.claim::jsonb
    FROM unnest($1::text[], $2::int[], $3::text[], $4::text[]) AS said(task_id, attempt, worker_id, claim)
    WHERE task.task_id = said.task_id AND task.attempt = said.attempt AND task.assigned_worker = said.worker_id
        AND {IN_WORK}
    RETURNING task.task_id, task.attempt, task.assigned_worker
"""
ACKNOWLEDGE = """
    UPDATE tasks SET analytics = $3::text::jsonb
    WHERE task_id = $1 AND attempt = $2 AND status = 'cancelled' AND analytics IS NULL
"""
ASK = f"""
    UPDATE tasks AS task SET open_questions = array_append(array_remove(task.open_questions, $3), $3),
        status = CASE WHEN task.status = 'paused' THEN task.status ELSE 'waiting' END
    FROM tasks AS old
    WHERE task.task_id = $1 AND old.task_id = $1 AND task.attempt = $2 AND task.assigned_worker = $4
        AND {IN_WORK}
    RETURNING task.task_id, task.attempt, task.assigned_worker, old.status AS before, task.status AS after
"""
UNASK = f"""
    UPDATE tasks AS task SET open_questions = array_remove(task.open_questions, $2),
        status = CASE WHEN task.status = 'waiting' AND array_remove(task.open_questions, $2) = '{{}}'
            THEN 'running' ELSE task.status END
    FROM tasks AS old
    WHERE task.task_id = $1 AND old.task_id = $1 AND $2 = ANY(task.open_questions) AND {IN_WORK}
    RETURNING task.task_id, task.attempt, task.assigned_worker, old.status AS before, task.status AS after
"""


class TaskStatements:
    """Part of a session: tasks."""

    conn: Connection

    async def insert_tasks(self, new: Sequence[NewTaskRow]) -> set[str]:
        """Write new tasks; the ids of those whose idempotency key was not taken."""
        # Two processes that write the same keys must take them in the same order, or they wait for each other.
        ordered = sorted(new, key=lambda row: row.task.idempotency_key or "")
        return {row["task_id"] for row in await self.conn.fetch(INSERT, *task_columns(ordered))}

    async def tasks_by_key(self, keys: Sequence[str]) -> dict[str, tuple[TaskView, str]]:
        """Task and body hash by idempotency key."""
        found = await self.conn.fetch(BY_KEY, list(keys))
        return {row["idempotency_key"]: (rows.task_view(row), row["body_hash"]) for row in found}

    async def read_task(self, task_id: str) -> TaskView | None:
        """The task, without its attempts."""
        row = await self.conn.fetchrow(READ, task_id)
        return rows.task_view(row) if row else None

    async def cancel_queued(self, task_id: str, reason: str, now: datetime) -> bool:
        """End a task that is still queued; whether it was."""
        return bool(await self.conn.fetchval(CANCEL, task_id, reason, now))

    async def requeue(self, task_id: str, rank_at: datetime, queue_until: datetime | None) -> bool:
        """Queue an ended task again, with a fresh budget; whether it had ended so that it may be."""
        return bool(await self.conn.fetchval(REQUEUE, task_id, rank_at, sorted(RETRYABLE_STATES), queue_until))

    async def time_out_queued(self, overdue: Mapping[AttemptRef, str], now: datetime) -> set[AttemptRef]:
        """End tasks (with the reason of each) that are still queued; those that were."""
        ordered = sorted(overdue)
        columns = (*ref_columns(ordered), [overdue[ref] for ref in ordered])
        return {AttemptRef(row["task_id"], row["attempt"]) for row in await self.conn.fetch(TIME_OUT, *columns, now)}

    async def settle(self, fates: Sequence[Fate], now: datetime) -> None:
        """Write what became of tasks whose attempts were closed in this transaction."""
        await self.conn.execute(
            SETTLE,
            [fate.ref.task_id for fate in fates],
            [fate.ref.attempt for fate in fates],
            [fate.status.value for fate in fates],
            [fate.reason for fate in fates],
            [fate.burned for fate in fates],
            [fate.refusals for fate in fates],
            [fate.next_attempt_at for fate in fates],
            [fate.avoid_worker for fate in fates],
            [fate.started_at for fate in fates],
            [fate.execution_time_ms for fate in fates],
            [_text(fate.analytics) for fate in fates],
            now,
            [fate.failure_class for fate in fates],
            [fate.crashes for fate in fates],
            [fate.queue_until for fate in fates],
        )

    async def advance(self, made: Sequence[ProgressMade], now: datetime) -> list[Moved]:
        """Store progress; tasks whose attempt is not live are left out of the answer."""
        ordered = sorted(made, key=lambda item: item.ref.task_id)
        columns = (
            [item.ref.task_id for item in ordered],
            [item.ref.attempt for item in ordered],
            [item.worker_id for item in ordered],
            [item.progress_json.decode() for item in ordered],
            [item.first_at for item in ordered],
            [item.paused for item in ordered],
            now,
        )
        await self.conn.execute(BEGIN, *columns)
        moved = [rows.moved(row) for row in await self.conn.fetch(ADVANCE, *columns)]
        went_on = [move.ref for move in moved if move.went_on]
        if went_on:
            await self.conn.execute(WENT_ON, *ref_columns(went_on), now)
        return moved

    async def keep_claims(self, claims: Mapping[tuple[AttemptRef, str], bytes]) -> set[tuple[AttemptRef, str]]:
        """Store the agents' claims of completion (JSON by attempt and worker); those whose attempt is live."""
        ordered = sorted(claims)
        kept = await self.conn.fetch(
            CLAIM,
            [ref.task_id for ref, _ in ordered],
            [ref.attempt for ref, _ in ordered],
            [worker_id for _, worker_id in ordered],
            [claims[key].decode() for key in ordered],
        )
        return {(AttemptRef(row["task_id"], row["attempt"]), row["assigned_worker"]) for row in kept}

    async def acknowledge(self, ref: AttemptRef, analytics: bytes) -> None:
        """Keep what a worker saw of an attempt that was cancelled here."""
        await self.conn.execute(ACKNOWLEDGE, ref.task_id, ref.attempt, analytics.decode())

    async def ask(self, ref: AttemptRef, worker_id: str, question_id: str) -> Moved | None:
        """A question of the live attempt, asked by the worker that holds it, is open."""
        row = await self.conn.fetchrow(ASK, ref.task_id, ref.attempt, question_id, worker_id)
        return rows.moved(row) if row else None

    async def unask(self, task_id: str, question_id: str) -> Moved | None:
        """A question is no longer open."""
        row = await self.conn.fetchrow(UNASK, task_id, question_id)
        return rows.moved(row) if row else None


def _text(json: bytes | None) -> str | None:
    return None if json is None else json.decode()
