"""SQL that the leader reads to know the fleet, live attempts and what was not published; and why tasks wait."""

from collections.abc import Mapping
from datetime import datetime

from orchestrator.domain import Assigned, AttemptRef, Experience, LiveRun, Overdue
from orchestrator.ports import Backlog, LiveAttempt, Member
from orchestrator.store import rows
from orchestrator.store.dispatching import assigned
from orchestrator.store.planning import QUEUED
from servicekit.pg import Database

EXPLAINED_AT_ONCE = 1_000
MOST_COUNTED = 10_000
LIVE_STATES = ("queued", "assigned", "running", "paused", "waiting")

# A fleet that comes and goes leaves rows behind: those that have been gone for long are not read again and again.
FLEET = """
    SELECT worker_id, status, tags, capabilities, slots_total, incarnation, former, told FROM workers
    WHERE status <> 'offline' OR COALESCE(last_heartbeat, registered_at) > $1
"""
EXPERIENCE = """
    SELECT worker_id, work_key, completed, failed, mean_ms FROM experience
    WHERE last_at > $1 AND EXISTS (
        SELECT FROM workers WHERE workers.worker_id = experience.worker_id AND status <> 'offline'
    )
"""
LIVE = "SELECT task_id, attempt, worker_id, state FROM attempts WHERE state IN ('assigned', 'running')"
UNPUBLISHED = """
    SELECT task.task_id, attempt.attempt, attempt.worker_id AS assigned_worker, task.description, task.priority,
        task.requirements::text AS requirements_json, task.estimated_duration_ms, task.created_at, attempt.epoch,
        attempt.assigned_at, task.collaboration::text AS collaboration_json, attempt.traceparent
    FROM attempts AS attempt JOIN tasks AS task ON task.task_id = attempt.task_id
    WHERE attempt.state IN ('assigned', 'running') AND attempt.published_at IS NULL AND attempt.assigned_at <= $1
    ORDER BY attempt.assigned_at LIMIT $2
"""
OVERDUE = """
    SELECT task_id, attempt, demand_key, (requirements #>> '{limits,queue_ms}')::bigint AS queue_ms,
        collaboration ->> 'question_id' AS question_id
    FROM tasks WHERE status = 'queued' AND queue_until <= $1 ORDER BY queue_until LIMIT $2
"""
LIVE_RUNS = """
    SELECT attempt.task_id, attempt.attempt, attempt.worker_id,
        COALESCE(attempt.resumed_at, attempt.assigned_at) AS since,
        (task.requirements #>> '{limits,run_ms}')::bigint AS run_ms,
        (task.requirements #>> '{limits,verify_ms}')::bigint AS verify_ms
    FROM attempts AS attempt JOIN tasks AS task ON task.task_id = attempt.task_id
    WHERE attempt.state IN ('assigned', 'running') AND COALESCE(attempt.resumed_at, attempt.assigned_at) <= $1
        AND task.status <> 'paused'
"""
# A number for each state: the planner then reads the index of what is not completed, and no task.
BACKLOG = f"""
    WITH slots AS (
        SELECT slots_total, (
            SELECT count(*) FROM attempts
            WHERE attempts.worker_id = workers.worker_id AND state IN ('assigned', 'running')
        ) AS used
        FROM workers WHERE status = 'online'
    )
    SELECT {", ".join(f"(SELECT count(*) FROM tasks WHERE status = '{state}') AS {state}" for state in LIVE_STATES)},
        (
            SELECT extract(epoch FROM $1 - min(COALESCE(next_attempt_at, created_at)))::float8
            FROM tasks WHERE status = 'queued' AND (next_attempt_at IS NULL OR next_attempt_at <= $1)
        ) AS oldest_due_s,
        (SELECT count(*) FROM (SELECT FROM tasks WHERE failure_class = 'poison' LIMIT {MOST_COUNTED}) AS q) AS poison,
        (SELECT COALESCE(sum(slots_total), 0) FROM slots) AS slots_total,
        (SELECT COALESCE(sum(used), 0)::bigint FROM slots) AS slots_used
"""
EXPLAIN = f"""
    UPDATE tasks AS task SET reason = line.reason FROM (
        SELECT task_id, line.reason FROM unnest($1::text[], $2::text[]) AS line(demand_key, reason) CROSS JOIN LATERAL (
            SELECT task_id FROM tasks WHERE status = 'queued' AND demand_key = line.demand_key AND created_at <= $3
                AND (next_attempt_at IS NULL OR next_attempt_at <= $4) AND reason IS DISTINCT FROM line.reason
            ORDER BY rank_at, task_id LIMIT $5
        ) AS task
    ) AS line
    WHERE task.task_id = line.task_id AND {QUEUED}
"""


class LeaderQueries:
    """Part of the store: what the leader keeps in memory, and what it has to make good."""

    database: Database

    async def fleet(self, since: datetime) -> list[Member]:
        """All workers but those that have been offline since before."""
        async with self.database.acquire() as conn:
            return [rows.member(row) for row in await conn.fetch(FLEET, since)]

    async def experience(self, since: datetime) -> list[tuple[str, str, Experience]]:
        """Worker id, work key and all its experience, where some is newer than `since`; of workers that are there."""
        async with self.database.acquire() as conn:
            found = await conn.fetch(EXPERIENCE, since)
        return [(worker_id, work_key, Experience(*how)) for worker_id, work_key, *how in found]

    async def live_attempts(self) -> list[LiveAttempt]:
        """All live attempts."""
        async with self.database.acquire() as conn:
            return [rows.live_attempt(row) for row in await conn.fetch(LIVE)]

    async def unpublished(self, older_than: datetime, lease_ms: int, limit: int) -> list[Assigned]:
        """Attempts that were committed and may not have reached the broker."""
        async with self.database.acquire() as conn:
            return [assigned(row, lease_ms) for row in await conn.fetch(UNPUBLISHED, older_than, limit)]

    async def overdue(self, now: datetime, limit: int) -> list[Overdue]:
        """Queued tasks that have waited too long, the longest first."""
        async with self.database.acquire() as conn:
            found = await conn.fetch(OVERDUE, now, limit)
        return [Overdue(AttemptRef(task_id, attempt), *rest) for task_id, attempt, *rest in found]

    async def live_runs(self, before: datetime) -> list[LiveRun]:
        """Live attempts that were assigned, or last went on after a pause, before that; none that is paused."""
        async with self.database.acquire() as conn:
            found = await conn.fetch(LIVE_RUNS, before)
        return [LiveRun(AttemptRef(task_id, attempt), *rest) for task_id, attempt, *rest in found]

    async def backlog(self, now: datetime) -> Backlog:
        """How much there is to do, and with what."""
        async with self.database.acquire() as conn:
            (row,) = await conn.fetch(BACKLOG, now)
        tasks = {state: row[state] for state in LIVE_STATES}
        oldest_s = max(0.0, row["oldest_due_s"] or 0.0)
        return Backlog(tasks, oldest_s, row["poison"], row["slots_total"], row["slots_used"])

    async def explain(self, reasons: Mapping[str, str], older_than: datetime, now: datetime) -> None:
        """Write the reason of due tasks by demand key, where it is another; so many at once and no more."""
        values = (list(reasons), list(reasons.values()), older_than, now, EXPLAINED_AT_ONCE)
        async with self.database.acquire() as conn:
            await conn.execute(EXPLAIN, *values)
