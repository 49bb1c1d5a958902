"""SQL about what is to become of instances of workers."""

from contracts.workers import WorkerStatus
from orchestrator.decisions.orders import EndOrder, Order, SizeOrder
from orchestrator.domain import FleetAction, Intention
from orchestrator.store import rows
from servicekit.pg import Connection, Database

INTENTIONS = """
    SELECT worker_id, action, instance, asked_at, asked_by, until, told, reason FROM fleet_intentions
    ORDER BY worker_id
"""
# Who asks for a restart again may hasten it, and does not make it begin anew. A place that is given up stays so.
INTEND = """
    INSERT INTO fleet_intentions AS known (worker_id, action, instance, asked_at, asked_by, until, told, reason)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (worker_id) DO UPDATE SET until = excluded.until
    WHERE known.action = 'restart' AND excluded.action = 'restart'
"""
BIND = "UPDATE fleet_intentions SET instance = $3 WHERE worker_id = $1 AND asked_at = $2 AND instance IS NULL"
HOLD = "SELECT worker_id FROM fleet_intentions WHERE worker_id = $1 AND asked_at = $2 FOR UPDATE"
DROP = "DELETE FROM fleet_intentions WHERE worker_id = $1 AND asked_at = $2 RETURNING *"
RETELL = "UPDATE fleet_intentions SET told = $2 WHERE worker_id = $1"
DROP_ALL = "DELETE FROM fleet_intentions WHERE worker_id = $1"
ORDERS = """
    SELECT ordered_at, ordered_by, reason, worker_id, instance, version, size_before, size_after FROM fleet_orders
    ORDER BY ordered_at, order_key
"""
PLACE = """
    INSERT INTO fleet_orders
        (order_key, ordered_at, ordered_by, reason, worker_id, instance, version, size_before, size_after)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (order_key) DO UPDATE SET (ordered_at, ordered_by, reason, worker_id, instance, version, size_before,
        size_after) = ROW (excluded.ordered_at, excluded.ordered_by, excluded.reason, excluded.worker_id,
        excluded.instance, excluded.version, excluded.size_before, excluded.size_after)
"""
CLOSE = "DELETE FROM fleet_orders WHERE order_key = $1 AND ordered_at = $2 RETURNING order_key"
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
            intention.reason,
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

    async def place_order(self, order: Order) -> None:
        """Write down what is asked of whoever runs the fleet, before it is; another with its key is replaced."""
        size = (None, None, None) if isinstance(order, EndOrder) else (order.version, order.before, order.after)
        who = order.ordered_at, order.ordered_by, order.reason, order.worker_id, order.instance
        await self.conn.execute(PLACE, order.key, *who, *size)

    async def close_order(self, order: Order) -> bool:
        """It is done, or never will be; whether it was still there."""
        return await self.conn.fetchval(CLOSE, order.key, order.ordered_at) is not None

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

    async def orders(self) -> list[Order]:
        """What was asked of whoever runs the fleet, and is not told of yet."""
        async with self.database.acquire() as conn:
            return [_order(row) for row in await conn.fetch(ORDERS)]


def _intention(row: rows.Row) -> Intention:
    return Intention(
        worker_id=row["worker_id"],
        action=FleetAction(row["action"]),
        instance=row["instance"],
        asked_at=row["asked_at"],
        asked_by=row["asked_by"],
        until=row["until"],
        told=WorkerStatus(row["told"]) if row["told"] else None,
        reason=row["reason"],
    )


def _order(row: rows.Row) -> Order:
    who = row["ordered_by"], row["ordered_at"], row["reason"]
    worker_id, instance = row["worker_id"], row["instance"]
    if row["version"] is None:
        return EndOrder(worker_id, instance, *who)
    return SizeOrder(row["size_before"], row["size_after"], row["version"], *who, worker_id, instance)
