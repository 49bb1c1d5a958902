"""SQL that writes workers.

Several rows are locked in the order of their ids, and never so strongly that a new attempt, which refers to its worker,
has to wait: so nobody waits in a ring.
"""

from collections.abc import Sequence
from datetime import datetime

from contracts.workers import Registration, WorkerStatus
from orchestrator.domain import WorkerSeen
from orchestrator.ports import Member, WorkerTally
from orchestrator.store import rows
from servicekit.pg import Connection

MAX_WORKER_TYPE = 50
MAX_FORMER = 8

REGISTER = """
    INSERT INTO workers (worker_id, worker_type, hostname, status, capabilities, system_info, last_heartbeat,
        incarnation, tags, slots_total, registered_at, version)
    VALUES ($1, $2, $3, 'online', $4::jsonb, $5::jsonb, $6, $7, $8::jsonb, $9, $6, $10)
    ON CONFLICT (worker_id) DO UPDATE SET worker_type = excluded.worker_type, hostname = excluded.hostname,
        capabilities = excluded.capabilities, system_info = excluded.system_info,
        last_heartbeat = excluded.last_heartbeat, incarnation = excluded.incarnation, tags = excluded.tags,
        slots_total = excluded.slots_total, registered_at = excluded.registered_at, version = excluded.version,
        status = COALESCE($11, 'online'), told = $11, former = $12, reason = NULL
"""
LOCK = """
    SELECT worker_id, status, tags, capabilities, slots_total, incarnation, former, told
    FROM workers WHERE worker_id = $1 FOR NO KEY UPDATE
"""
TELL = (
    "UPDATE workers SET told = $2, status = CASE WHEN status = 'offline' THEN status ELSE $3 END WHERE worker_id = $1"
)
RECONFIGURE = """
    UPDATE workers SET slots_total = COALESCE($2, slots_total), tags = COALESCE($3::jsonb, tags) WHERE worker_id = $1
"""
SEE = """
    WITH held AS (
        SELECT worker_id, status FROM workers WHERE worker_id = ANY($1::text[]) ORDER BY worker_id FOR NO KEY UPDATE
    )
    UPDATE workers AS worker SET last_heartbeat = $8, slots_total = seen.slots_total, cpu_percent = seen.cpu_percent,
        memory_mb = seen.memory_mb, round_trip_ms = seen.round_trip_ms,
        status = CASE WHEN seen.status = 'online' THEN COALESCE(worker.told, 'online') ELSE seen.status END,
        reason = CASE WHEN held.status = 'offline' THEN NULL ELSE worker.reason END
    FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::float8[], $6::float8[], $7::float8[])
        AS seen(worker_id, incarnation, status, slots_total, cpu_percent, memory_mb, round_trip_ms)
    JOIN held ON held.worker_id = seen.worker_id
    WHERE worker.worker_id = seen.worker_id AND worker.incarnation = seen.incarnation
    RETURNING worker.worker_id, held.status AS before, worker.status AS after
"""
SET_OFFLINE = """
    WITH held AS (
        SELECT worker_id FROM workers WHERE worker_id = ANY($1::text[]) AND status <> 'offline'
        ORDER BY worker_id FOR NO KEY UPDATE
    )
    UPDATE workers AS worker SET status = 'offline', reason = $2 FROM held WHERE worker.worker_id = held.worker_id
    RETURNING worker.worker_id
"""
COUNT = """
    WITH ended AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::float8[])
            AS ended(worker_id, work_key, completed, failed, total_ms)
    ), held AS (
        SELECT worker_id FROM workers WHERE worker_id = ANY($1::text[]) ORDER BY worker_id FOR NO KEY UPDATE
    ), counted AS (
        UPDATE workers AS worker SET tasks_completed = worker.tasks_completed + summed.completed,
            tasks_failed = worker.tasks_failed + summed.failed
        FROM held JOIN (
            SELECT worker_id, sum(completed)::int AS completed, sum(failed)::int AS failed FROM ended GROUP BY worker_id
        ) AS summed ON summed.worker_id = held.worker_id
        WHERE worker.worker_id = held.worker_id
    )
    INSERT INTO experience AS known (worker_id, work_key, completed, failed, mean_ms, last_at)
    SELECT worker_id, work_key, completed, failed, total_ms / GREATEST(completed, 1), $6
    FROM ended ORDER BY worker_id, work_key
    ON CONFLICT (worker_id, work_key) DO UPDATE SET completed = known.completed + excluded.completed,
        failed = known.failed + excluded.failed, last_at = excluded.last_at,
        mean_ms = CASE WHEN excluded.completed = 0 THEN known.mean_ms WHEN known.mean_ms = 0 THEN excluded.mean_ms
            ELSE 0.8 * known.mean_ms + 0.2 * excluded.mean_ms END
"""


class WorkerStatements:
    """Part of a session: workers."""

    conn: Connection

    async def register(
        self, worker: Registration, told: WorkerStatus | None, former: Sequence[str], now: datetime
    ) -> None:
        """Write a worker that introduced itself."""
        await self.conn.execute(
            REGISTER,
            worker.worker_id,
            worker.worker_type[:MAX_WORKER_TYPE],
            worker.hostname,
            worker.capabilities,
            worker.system_info,
            now,
            worker.incarnation,
            worker.tags,
            worker.max_concurrent_tasks,
            worker.version,
            told.value if told else None,
            list(former)[-MAX_FORMER:],
        )

    async def lock_worker(self, worker_id: str) -> Member | None:
        """The worker, held until the end of the transaction."""
        row = await self.conn.fetchrow(LOCK, worker_id)
        return rows.member(row) if row else None

    async def set_told(self, worker_id: str, told: WorkerStatus | None, status: WorkerStatus) -> None:
        """What the worker was told to be; one that is offline stays so until it is heard again."""
        await self.conn.execute(TELL, worker_id, told.value if told else None, status.value)

    async def reconfigure(self, worker_id: str, slots: int | None, tags: Sequence[str] | None) -> None:
        """Change what the scheduler goes by."""
        await self.conn.execute(RECONFIGURE, worker_id, slots, list(tags) if tags is not None else None)

    async def see(self, seen: Sequence[WorkerSeen], now: datetime) -> dict[str, tuple[WorkerStatus, WorkerStatus]]:
        """Write heartbeats; status before and after of each worker whose incarnation is the registered one."""
        found = await self.conn.fetch(
            SEE,
            [worker.worker_id for worker in seen],
            [worker.incarnation for worker in seen],
            [worker.status.value for worker in seen],
            [worker.slots_total for worker in seen],
            [worker.cpu_percent for worker in seen],
            [worker.memory_mb for worker in seen],
            [worker.round_trip_ms for worker in seen],
            now,
        )
        return {row["worker_id"]: (WorkerStatus(row["before"]), WorkerStatus(row["after"])) for row in found}

    async def set_offline(self, worker_ids: Sequence[str], reason: str) -> list[str]:
        """Mark workers offline; those that were not."""
        return [row["worker_id"] for row in await self.conn.fetch(SET_OFFLINE, list(worker_ids), reason)]

    async def count_ended(self, tallies: Sequence[WorkerTally], now: datetime) -> None:
        """Add to the workers' counters and experience."""
        await self.conn.execute(
            COUNT,
            [tally.worker_id for tally in tallies],
            [tally.work_key for tally in tallies],
            [tally.completed for tally in tallies],
            [tally.failed for tally in tallies],
            [tally.total_ms for tally in tallies],
            now,
        )
