"""SQL behind what workers are told."""

from collections.abc import Iterable
from datetime import datetime

from contracts.base import Level, Page
from contracts.rpc import ListWorkers, TaskBrief, WorkerBrief
from contracts.tasks import TaskState
from contracts.workers import WorkerStatus
from orchestrator.decisions.masking import masked
from orchestrator.domain import Line
from orchestrator.store import rows
from orchestrator.store.views import ATTEMPTS, worker_key
from servicekit.paging import decode_cursor, page
from servicekit.pg import Database

MOST_LINES = 500
MOST_WAITING, MOST_COUNTED = 1_000, 20_000
"""How many tasks are counted at most, of one line and of all."""

# An attempt of the task itself, of the one that asked for it, or of one that it asked for.
TASK_OF_WORKER = """
    SELECT * FROM tasks AS task WHERE task_id = $1 AND (
        EXISTS (SELECT FROM attempts WHERE attempts.task_id = task.task_id AND attempts.worker_id = $2)
        OR EXISTS (SELECT FROM attempts WHERE attempts.task_id = task.parent_task_id AND attempts.worker_id = $2)
        OR EXISTS (
            SELECT FROM tasks AS child JOIN attempts ON attempts.task_id = child.task_id
            WHERE child.parent_task_id = task.task_id AND attempts.worker_id = $2
        )
    )
"""
WORKERS = """
    SELECT worker.*, CASE WHEN status = 'online' THEN GREATEST(0, slots_total - live.used) ELSE 0 END AS slots_free
    FROM workers AS worker CROSS JOIN LATERAL (
        SELECT count(*)::int AS used FROM attempts
        WHERE attempts.worker_id = worker.worker_id AND state IN ('assigned', 'running')
    ) AS live
    WHERE ($1::text IS NULL OR worker_id > $1) AND ($2::text IS NULL OR status = $2)
        AND tags @> $3::jsonb AND capabilities @> $4::jsonb
        AND (NOT $5::bool OR (status = 'online' AND slots_total > live.used))
    ORDER BY worker_id LIMIT $6
"""
# A loose scan, as the scheduler's, that stops after so many lines and looks at the beginning of each alone.
LINES = """
    WITH RECURSIVE line(demand_key, place) AS (
        (SELECT demand_key, 1 FROM tasks WHERE status = 'queued' ORDER BY demand_key LIMIT 1)
        UNION ALL
        SELECT (
            SELECT demand_key FROM tasks WHERE status = 'queued' AND demand_key > line.demand_key
            ORDER BY demand_key LIMIT 1
        ), place + 1 FROM line WHERE line.demand_key IS NOT NULL AND place < $2
    )
    SELECT head.worker_id, head.requirements, head.asker, counted.waiting, due.rank_at, due.task_id
    FROM line CROSS JOIN LATERAL (
        SELECT worker_id, collaboration ->> 'from_worker' AS asker, jsonb_strip_nulls(jsonb_build_object(
            'tags', requirements -> 'tags', 'capabilities', requirements -> 'capabilities',
            'agent', requirements -> 'agent')) AS requirements
        FROM tasks WHERE status = 'queued' AND demand_key = line.demand_key LIMIT 1
    ) AS head CROSS JOIN LATERAL (
        SELECT count(*)::int AS waiting FROM (
            SELECT FROM tasks WHERE status = 'queued' AND demand_key = line.demand_key
            LIMIT (SELECT LEAST($3, $4 / count(*)) FROM line)
        ) AS first_ones
    ) AS counted LEFT JOIN LATERAL (
        SELECT rank_at, task_id FROM tasks WHERE status = 'queued' AND demand_key = line.demand_key
            AND (next_attempt_at IS NULL OR next_attempt_at <= $1)
        ORDER BY rank_at, task_id LIMIT 1
    ) AS due ON true
"""


ASSIGNED_AT = "SELECT assigned_at FROM attempts WHERE task_id = $1 AND attempt = $2"
BEFORE = """
    SELECT attempt, worker_id FROM attempts WHERE task_id = $1 AND attempt < $2
    UNION ALL
    SELECT attempt, NULL FROM attempts WHERE task_id = $1 AND attempt = $2 AND worker_id = $3 AND ended_at IS NULL
"""


class BriefQueries:
    """Part of the store: tasks, workers and the queue as workers are told of them."""

    database: Database

    async def task_brief(self, task_id: str, worker_id: str) -> TaskBrief | None:
        """A task in which this worker has a part: an attempt of it, or of the task at the other end of a request."""
        async with self.database.acquire() as conn:
            row = await conn.fetchrow(TASK_OF_WORKER, task_id, worker_id)
            return _task(row, await conn.fetch(ATTEMPTS, task_id)) if row else None

    async def workers_before(self, task_id: str, attempt: int, worker_id: str) -> dict[int, str] | None:
        """Who had the attempts before this one, by number; None unless this worker has it and it is live."""
        async with self.database.acquire() as conn:
            found = dict(await conn.fetch(BEFORE, task_id, attempt, worker_id))
        if attempt not in found:
            return None
        return {number: worker for number, worker in found.items() if number != attempt}

    async def assigned_at(self, task_id: str, attempt: int) -> datetime | None:
        """When an attempt was given to its worker; None for one that there is not."""
        async with self.database.acquire() as conn:
            return await conn.fetchval(ASSIGNED_AT, task_id, attempt)

    async def worker_briefs(self, wanted: ListWorkers) -> Page[WorkerBrief]:
        """Workers by id."""
        after = str(decode_cursor(wanted.cursor, 1)[0]) if wanted.cursor else None
        status = wanted.status.value if wanted.status else None
        filters = (after, status, wanted.tags, wanted.capabilities, wanted.free_only)
        async with self.database.acquire() as conn:
            found = await conn.fetch(WORKERS, *filters, wanted.limit + 1)
        return page(found, wanted.limit, worker_key, _worker)

    async def lines(self, now: datetime) -> list[Line]:
        """The lines of the queue, with the first due task of each; so many and no more."""
        async with self.database.acquire() as conn:
            found = await conn.fetch(LINES, now, MOST_LINES, MOST_WAITING, MOST_COUNTED)
        return [Line(rows.demand(row), row["waiting"], row["rank_at"], row["task_id"]) for row in found]


def _task(row: rows.Row, attempts: Iterable[rows.Row]) -> TaskBrief:
    view = rows.task_view(row, (attempt for attempt in attempts if attempt["ended_at"] is not None))
    same = ("task_id", "description", "attempt", "max_attempts", "attempts", "progress", "estimated_duration_ms")
    links = ("created_at", "reason", "parent_task_id", "collaboration")
    return TaskBrief(
        status=TaskState(view.status),
        priority=Level(view.priority),
        requirements=masked(row["requirements"]),
        **{name: getattr(view, name) for name in (*same, *links)},
    )


def _worker(row: rows.Row) -> WorkerBrief:
    return WorkerBrief(
        worker_id=row["worker_id"],
        status=WorkerStatus(row["status"]),
        tags=row["tags"],
        capabilities=row["capabilities"],
        slots_total=row["slots_total"],
        slots_free=row["slots_free"],
        tasks_completed=row["tasks_completed"],
        tasks_failed=row["tasks_failed"],
    )
