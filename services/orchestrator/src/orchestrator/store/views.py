"""SQL behind what the API shows."""

from collections.abc import Sequence
from datetime import datetime

from contracts.base import Page
from contracts.tasks import QueueView, TaskView
from contracts.workers import WorkerStatus, WorkerView
from orchestrator.ports import TaskFilter
from orchestrator.store import rows
from servicekit.paging import decode_cursor, page
from servicekit.pg import Database

TASK = "SELECT * FROM tasks WHERE task_id = $1"
ATTEMPTS = "SELECT * FROM attempts WHERE task_id = $1 ORDER BY attempt"
# Task ids begin with their time, so the primary key is also the order of creation, and bounds it.
TASKS = """
    SELECT * FROM tasks
    WHERE ($1::text IS NULL OR task_id < $1) AND ($2::text IS NULL OR task_id >= $2)
        AND ($3::timestamptz IS NULL OR created_at >= $3) AND ($4::text[] IS NULL OR status = ANY($4))
        AND ($5::text IS NULL OR assigned_worker = $5) AND ($6::text IS NULL OR priority = $6)
    ORDER BY task_id DESC LIMIT $7
"""
# The planner sees one status and not a parameter, and so can use the index of what is not completed.
TASKS_OF_STATUS = """
    SELECT task.* FROM unnest($4::text[]) AS wanted(status) CROSS JOIN LATERAL (
        SELECT * FROM tasks WHERE status = wanted.status AND status <> 'completed'
            AND ($1::text IS NULL OR task_id < $1) AND ($2::text IS NULL OR task_id >= $2)
            AND ($3::timestamptz IS NULL OR created_at >= $3)
            AND ($5::text IS NULL OR assigned_worker = $5) AND ($6::text IS NULL OR priority = $6)
        ORDER BY task_id DESC LIMIT $7
    ) AS task
    ORDER BY task_id DESC LIMIT $7
"""
TASKS_IN_QUARANTINE = """
    SELECT * FROM tasks
    WHERE failure_class = 'poison' AND ($1::text IS NULL OR task_id < $1) AND ($2::text IS NULL OR task_id >= $2)
        AND ($3::timestamptz IS NULL OR created_at >= $3) AND ($4::text[] IS NULL OR status = ANY($4))
        AND ($5::text IS NULL OR assigned_worker = $5) AND ($6::text IS NULL OR priority = $6)
    ORDER BY task_id DESC LIMIT $7
"""
WORKERS = """
    SELECT worker.*, live.running_tasks, live.running_attempts
    FROM workers AS worker CROSS JOIN LATERAL (
        SELECT COALESCE(array_agg(task_id ORDER BY task_id), '{}') AS running_tasks,
            COALESCE(array_agg(attempt ORDER BY task_id), '{}') AS running_attempts
        FROM attempts WHERE attempts.worker_id = worker.worker_id AND state IN ('assigned', 'running')
    ) AS live
    WHERE ($1::text IS NULL OR worker.worker_id = $1) AND ($2::text IS NULL OR worker.worker_id > $2)
        AND ($3::text[] IS NULL OR worker.status = ANY($3))
    ORDER BY worker.worker_id LIMIT $4
"""
QUEUE = """
    WITH slots AS (
        SELECT slots_total, (
            SELECT count(*) FROM attempts
            WHERE attempts.worker_id = workers.worker_id AND state IN ('assigned', 'running')
        ) AS used
        FROM workers WHERE status = 'online'
    )
    SELECT (SELECT count(*) FROM tasks WHERE status = 'queued') AS queued,
        (SELECT count(*) FROM tasks WHERE status = 'assigned') AS assigned,
        (SELECT count(*) FROM tasks WHERE status = 'running') + (SELECT count(*) FROM tasks WHERE status = 'paused')
            + (SELECT count(*) FROM tasks WHERE status = 'waiting') AS running,
        (SELECT min(created_at) FROM tasks WHERE status = 'queued') AS oldest_queued_at,
        (SELECT count(*) FROM slots) AS workers_online,
        (SELECT COALESCE(sum(slots_total), 0) FROM slots) AS slots_total,
        (SELECT COALESCE(sum(GREATEST(0, slots_total - used)), 0)::bigint FROM slots) AS slots_free
"""


class ViewQueries:
    """Part of the store: tasks, workers and the queue as they are shown."""

    database: Database

    async def task_view(self, task_id: str) -> TaskView | None:
        """A task with its attempts."""
        async with self.database.acquire() as conn:
            row = await conn.fetchrow(TASK, task_id)
            return rows.task_view(row, await conn.fetch(ATTEMPTS, task_id)) if row else None

    async def task_page(self, chosen: TaskFilter, cursor: str | None, limit: int) -> Page[TaskView]:
        """Tasks, newest first, without their attempts."""
        before = str(decode_cursor(cursor, 1)[0]) if cursor else None
        statuses = [status.value for status in chosen.status] or None
        statement = TASKS_OF_STATUS if statuses and "completed" not in statuses else TASKS
        statement = TASKS_IN_QUARANTINE if chosen.quarantined else statement
        first_id = _first_id_since(chosen.since) if chosen.since else None
        values = (before, first_id, chosen.since, statuses, chosen.worker_id, chosen.priority, limit + 1)
        async with self.database.acquire() as conn:
            found = await conn.fetch(statement, *values)
        return page(found, limit, _task_key, rows.task_view)

    async def worker_view(self, worker_id: str) -> WorkerView | None:
        """A worker."""
        async with self.database.acquire() as conn:
            row = await conn.fetchrow(WORKERS, worker_id, None, None, 1)
        return rows.worker_view(row) if row else None

    async def worker_page(self, status: Sequence[WorkerStatus], cursor: str | None, limit: int) -> Page[WorkerView]:
        """Workers by id."""
        after = str(decode_cursor(cursor, 1)[0]) if cursor else None
        statuses = [one.value for one in status] or None
        async with self.database.acquire() as conn:
            found = await conn.fetch(WORKERS, None, after, statuses, limit + 1)
        return page(found, limit, worker_key, rows.worker_view)

    async def queue_view(self) -> QueueView:
        """The queue at this moment."""
        async with self.database.acquire() as conn:
            row = await conn.fetchrow(QUEUE)
        return QueueView.model_validate(dict(row or {}))


def worker_key(row: rows.Row) -> tuple[str]:
    """The place of a worker in a list of workers."""
    return (row["worker_id"],)


def _first_id_since(since: datetime) -> str:
    """The least task id that could have been made then: the first 48 bits of a UUIDv7 are its time in ms."""
    stamp = f"{max(0, int(since.timestamp() * 1000)):012x}"
    return f"task-{stamp[:8]}-{stamp[8:]}"


def _task_key(row: rows.Row) -> tuple[str]:
    return (row["task_id"],)
