"""SQL that the leader reads: the fleet, the queue line by line, live attempts, and what was not published."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from orchestrator.domain import Assigned, Demand, Queued
from orchestrator.ports import LiveAttempt, Member
from orchestrator.store import rows
from orchestrator.store.tasks import assigned
from servicekit.pg import Connection, Database

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
LIVE_COUNTS = """
    SELECT worker_id, count(*) AS live FROM attempts WHERE state IN ('assigned', 'running') GROUP BY worker_id
"""
LIVE = "SELECT task_id, attempt, worker_id, state FROM attempts WHERE state IN ('assigned', 'running')"
# A loose scan: one descent of the index for each line, however many tasks wait in it.
LINES = """
    WITH RECURSIVE line(demand_key) AS (
        (SELECT demand_key FROM tasks WHERE status = 'queued' ORDER BY demand_key LIMIT 1)
        UNION ALL
        SELECT (
            SELECT demand_key FROM tasks WHERE status = 'queued' AND demand_key > line.demand_key
            ORDER BY demand_key LIMIT 1
        ) FROM line WHERE line.demand_key IS NOT NULL
    )
    SELECT demand_key FROM line WHERE demand_key IS NOT NULL
"""
DEMANDED = """
    SELECT line.demand_key, task.worker_id, task.requirements
    FROM unnest($1::text[]) AS line(demand_key) CROSS JOIN LATERAL (
        SELECT worker_id, requirements FROM tasks WHERE status = 'queued' AND demand_key = line.demand_key LIMIT 1
    ) AS task
"""
QUEUED = """
    SELECT task.* FROM unnest($1::text[], $2::int[]) AS line(demand_key, size) CROSS JOIN LATERAL (
        SELECT task_id, demand_key, work_key, rank_at, requirements ? 'repository', avoid_worker
        FROM tasks WHERE status = 'queued' AND demand_key = line.demand_key
            AND (next_attempt_at IS NULL OR next_attempt_at <= $3)
        ORDER BY rank_at, task_id LIMIT line.size
    ) AS task
"""
NEXT_DUE = "SELECT min(next_attempt_at) FROM tasks WHERE status = 'queued' AND next_attempt_at > $1"
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


class QueueStatements:
    """Part of a session: what the scheduler reads before it assigns."""

    conn: Connection

    async def waiting_lines(self) -> list[str]:
        """The demand keys of all queued tasks, each once."""
        return [row["demand_key"] for row in await self.conn.fetch(LINES)]

    async def demands(self, keys: Sequence[str]) -> dict[str, Demand]:
        """What these lines demand."""
        return {row["demand_key"]: rows.demand(row) for row in await self.conn.fetch(DEMANDED, list(keys))}

    async def live_counts(self) -> dict[str, int]:
        """Live attempts by worker."""
        return {row["worker_id"]: row["live"] for row in await self.conn.fetch(LIVE_COUNTS)}

    async def queued(self, sizes: Mapping[str, int], now: datetime) -> list[Queued]:
        """The first due tasks of each line (by demand key), at most that many of each."""
        found = await self.conn.fetch(QUEUED, list(sizes), list(sizes.values()), now)
        return [Queued(*row) for row in found]


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
