"""SQL that the leader reads to know the fleet, live attempts and what was not published; and why tasks wait."""

from collections.abc import Mapping
from datetime import datetime

from orchestrator.domain import Assigned
from orchestrator.ports import LiveAttempt, Member
from orchestrator.store import rows
from orchestrator.store.dispatching import assigned
from servicekit.pg import Database

EXPLAINED_AT_ONCE = 1_000

FLEET = """
    SELECT worker_id, status, tags, capabilities, slots_total, incarnation, former, told,
        works, completed, failed, means
    FROM workers CROSS JOIN LATERAL (
        SELECT COALESCE(array_agg(work_key), '{}') AS works, COALESCE(array_agg(completed), '{}') AS completed,
            COALESCE(array_agg(failed), '{}') AS failed, COALESCE(array_agg(mean_ms), '{}') AS means
        FROM experience WHERE experience.worker_id = workers.worker_id AND workers.status <> 'offline'
    ) AS tried
"""
LIVE = "SELECT task_id, attempt, worker_id, state FROM attempts WHERE state IN ('assigned', 'running')"
UNPUBLISHED = """
    SELECT task.task_id, attempt.attempt, attempt.worker_id AS assigned_worker, task.description, task.priority,
        task.requirements::text AS requirements_json, task.estimated_duration_ms, task.created_at, attempt.epoch,
        attempt.assigned_at
    FROM attempts AS attempt JOIN tasks AS task ON task.task_id = attempt.task_id
    WHERE attempt.state IN ('assigned', 'running') AND attempt.published_at IS NULL AND attempt.assigned_at <= $1
    ORDER BY attempt.assigned_at LIMIT $2
"""
EXPLAIN = """
    UPDATE tasks AS task SET reason = line.reason FROM (
        SELECT task_id, line.reason FROM unnest($1::text[], $2::text[]) AS line(demand_key, reason) CROSS JOIN LATERAL (
            SELECT task_id FROM tasks WHERE status = 'queued' AND demand_key = line.demand_key AND created_at <= $3
                AND (next_attempt_at IS NULL OR next_attempt_at <= $4) AND reason IS DISTINCT FROM line.reason
            ORDER BY rank_at, task_id LIMIT $5
        ) AS task
    ) AS line
    WHERE task.task_id = line.task_id AND task.status = 'queued'
"""


class LeaderQueries:
    """Part of the store: what the leader keeps in memory, and what it has to make good."""

    database: Database

    async def fleet(self) -> list[Member]:
        """All workers."""
        async with self.database.acquire() as conn:
            return [rows.member(row) for row in await conn.fetch(FLEET)]

    async def live_attempts(self) -> list[LiveAttempt]:
        """All live attempts."""
        async with self.database.acquire() as conn:
            return [rows.live_attempt(row) for row in await conn.fetch(LIVE)]

    async def unpublished(self, older_than: datetime, lease_ms: int, limit: int) -> list[Assigned]:
        """Attempts that were committed and may not have reached the broker."""
        async with self.database.acquire() as conn:
            return [assigned(row, lease_ms) for row in await conn.fetch(UNPUBLISHED, older_than, limit)]

    async def explain(self, reasons: Mapping[str, str], older_than: datetime, now: datetime) -> None:
        """Write the reason of due tasks by demand key, where it is another; so many at once and no more."""
        values = (list(reasons), list(reasons.values()), older_than, now, EXPLAINED_AT_ONCE)
        async with self.database.acquire() as conn:
            await conn.execute(EXPLAIN, *values)
