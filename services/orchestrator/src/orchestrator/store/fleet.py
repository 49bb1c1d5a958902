"""SQL about what is to become of instances of workers."""

from contracts.workers import WorkerStatus
from orchestrator.domain import FleetAction, Intention
from orchestrator.store import rows
from servicekit.pg import Connection, Database

INTENTIONS = """
    SELECT worker_id, action, instance, asked_at, asked_by, until, told FROM fleet_intentions ORDER BY worker_id
"""
# Who asks for a restart again may hasten it, and does not make it begin anew. A place that is given up stays so.
INTEND = """
    INSERT INTO fleet_intentions AS known (worker_id, action, instance, asked_at, asked_by, until, told)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (worker_id) DO UPDATE SET until = excluded.until
    WHERE known.action = 'restart' AND excluded.action = 'restart'
"""
BIND = "UPDATE fleet_intentions SET instance = $3 WHERE worker_id = $1 AND asked_at = $2 AND instance IS NULL"
HOLD = "SELECT worker_id FROM fleet_intentions WHERE worker_id = $1 AND asked_at = $2 FOR UPDATE"
DROP = "DELETE FROM fleet_intentions WHERE worker_id = $1 AND asked_at = $2 RETURNING *"
RETELL = "UPDATE fleet_intentions SET told = $2 WHERE worker_id = $1"
DROP_ALL = "DELETE FROM fleet_intentions WHERE worker_id = $1"
RETIRE = """
    UPDATE workers SET status = 'offline', reason = $2
    WHERE worker_id = $1 AND (status <> 'offline' OR reason IS DISTINCT FROM $2) RETURNING worker_id
"""


class FleetStatements:
    """Part of a session: what is to become of instances."""

    conn: Connection

    async def intend(self, intention: Intention) -> None:
        """Write down what is meant to be done with a worker; a restart that is asked for again may be hastened."""
        await self.conn.execute(
            INTEND,
            intention.worker_id,
            intention.action.value,
            intention.instance,
            intention.asked_at,
            intention.asked_by,
            intention.until,
            intention.told.value if intention.told else None,
        )

    async def bind(self, intention: Intention, instance: str) -> None:
        """Write down which instance is to end, once."""
        await self.conn.execute(BIND, intention.worker_id, intention.asked_at, instance)

    async def still_means(self, intention: Intention) -> bool:
        """Whether it is still meant; it stays so until the end of the transaction."""
        return await self.conn.fetchval(HOLD, intention.worker_id, intention.asked_at) is not None

    async def retell(self, worker_id: str, told: WorkerStatus | None) -> None:
        """What is meant to be done with a worker ends with this, whatever the worker was told before."""
        await self.conn.execute(RETELL, worker_id, told.value if told else None)

    async def drop(self, intention: Intention) -> Intention | None:
        """It is done, or given up; as it was last, if it was still there."""
        row = await self.conn.fetchrow(DROP, intention.worker_id, intention.asked_at)
        return _intention(row) if row else None

    async def drop_intention(self, worker_id: str) -> None:
        """Whatever was meant to be done with a worker is not."""
        await self.conn.execute(DROP_ALL, worker_id)

    async def retire(self, worker_id: str, reason: str) -> bool:
        """A worker is gone for good; whether that is new."""
        return await self.conn.fetchval(RETIRE, worker_id, reason) is not None


class FleetQueries:
    """Part of the store: what is to become of instances."""

    database: Database

    async def intentions(self) -> list[Intention]:
        """All that is meant to be done with workers."""
        async with self.database.acquire() as conn:
            return [_intention(row) for row in await conn.fetch(INTENTIONS)]


def _intention(row: rows.Row) -> Intention:
    return Intention(
        worker_id=row["worker_id"],
        action=FleetAction(row["action"]),
        instance=row["instance"],
        asked_at=row["asked_at"],
        asked_by=row["asked_by"],
        until=row["until"],
        told=WorkerStatus(row["told"]) if row["told"] else None,
    )
