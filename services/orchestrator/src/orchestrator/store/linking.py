"""SQL of tasks that other workers asked for."""

from contracts.tasks import CollaborationTerms, TaskView
from orchestrator.domain import LIVE_STATES, AttemptRef, NewTaskRow
from orchestrator.store import rows
from servicekit.pg import Connection

LIVE = "('" + "', '".join(sorted(LIVE_STATES)) + "')"

# Held until the end of the transaction: who ends the attempt meanwhile is told of afterwards, and so is the end.
HOLD_LIVE = f"""
    SELECT * FROM tasks WHERE task_id = $1 AND attempt = $2 AND status IN {LIVE} FOR NO KEY UPDATE
"""
KNOWS_WORKER = "SELECT EXISTS (SELECT FROM workers WHERE worker_id = $1)"
HELPER_CAPABILITIES = """
    SELECT DISTINCT capability
    FROM workers CROSS JOIN LATERAL jsonb_array_elements_text(capabilities) AS has(capability)
    WHERE worker_id <> $2 AND CASE WHEN $1::text IS NULL THEN status <> 'offline' ELSE worker_id = $1 END
"""
LINK = """
    INSERT INTO tasks (task_id, description, status, priority, created_at, worker_id, requirements, max_attempts,
        idempotency_key, body_hash, demand_key, work_key, rank_at, parent_task_id, collaboration)
    VALUES ($1, $2, 'queued', $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10, $11, $12, $13, $14)
    ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING true
"""


class LinkStatements:
    """Part of a session: tasks that other workers asked for."""

    conn: Connection

    async def hold_live(self, ref: AttemptRef) -> TaskView | None:
        """The task, if this attempt of it is live: it stays so until the end of the transaction."""
        row = await self.conn.fetchrow(HOLD_LIVE, ref.task_id, ref.attempt)
        return rows.task_view(row) if row else None

    async def knows_worker(self, worker_id: str) -> bool:
        """Whether a worker with this id has ever registered."""
        return bool(await self.conn.fetchval(KNOWS_WORKER, worker_id))

    async def helper_capabilities(self, target: str | None, asker: str) -> set[str]:
        """What the named worker can do; without a name, what any that is not offline can, but for the asker."""
        return {row["capability"] for row in await self.conn.fetch(HELPER_CAPABILITIES, target, asker)}

    async def link_task(self, new: NewTaskRow, terms: CollaborationTerms) -> bool:
        """Write the task for a request, unless there is one; whether there was none."""
        task = new.task
        values = (
            new.task_id,
            task.description,
            task.priority.value,
            new.created_at,
            task.worker_id,
            new.requirements_json,
            task.max_attempts,
            task.idempotency_key,
            new.body_hash,
            new.demand_key,
            new.work_key,
            new.rank_at,
            terms.from_task,
            terms.to_dict(),
        )
        return bool(await self.conn.fetchval(LINK, *values))
