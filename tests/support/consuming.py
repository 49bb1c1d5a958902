"""A consumer whose effects a test can see: it writes the ids of fresh events, each gathering in one transaction."""

import asyncio

import asyncpg

from contracts.batches import EVENT_BATCH, Batch
from contracts.events import Event
from contracts.streams import STREAMS, TELEMETRY
from servicekit.bus import (
    BatchConsumer,
    Bus,
    DeadLetters,
    Received,
    RetryPolicy,
    foreign_event,
    publish_batches,
)
from servicekit.inbox import claim
from servicekit.pg import Database as Pg
from tests.support.buskit import event_ids, outgoing
from tests.support.producer import is_settled

DURABLE = "telemetry-ingest"
QUICK = RetryPolicy(first_pause_s=0.05, most_pause_s=0.2, hold_s=0.3, poison_delays_s=(0.05,))
EFFECT = "INSERT INTO effect (event_id) SELECT unnest($1::text[])"


class Handler:
    """Writes the ids of fresh batches' events, in one transaction a gathering."""

    def __init__(self, db: Pg) -> None:
        self.db = db
        self.calls: list[int] = []
        self.poison: set[int] = set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, received: list[Received[Batch[Event]]]) -> None:
        async with self.db.transaction() as connection:
            fresh = await claim(connection, DURABLE, received)
            await connection.execute(EFFECT, event_ids(one.batch for one in fresh))
            if any(one.batch.batch in self.poison for one in received):
                await connection.execute("SELECT $1::text::jsonb", "no json")
            await self.gate.wait()
        self.calls.append(len(received))

    async def applied(self) -> list[str]:
        rows = await self.db.pool.fetch("SELECT event_id FROM effect ORDER BY id")
        return [row["event_id"] for row in rows]


def consumer(bus: Bus, db: Pg, handler: Handler, **more: object) -> BatchConsumer[Batch[Event]]:
    options = {"validate": foreign_event, "policy": QUICK} | more
    return BatchConsumer(bus, TELEMETRY, DURABLE, EVENT_BATCH, handler, DeadLetters(db.pool, "test"), **options)  # type: ignore[arg-type]


async def alone(bus: Bus, durable: str) -> None:
    """Let one alone consume what workers report: of an interest stream only what all have taken is forgotten."""
    (stream,) = [stream for stream in STREAMS if stream.name == TELEMETRY]
    for other in stream.durables:
        if other.name != durable:
            await bus.js.delete_consumer(TELEMETRY, other.name)


async def settled(bus: Bus) -> bool:
    return await is_settled(bus, TELEMETRY, DURABLE)


async def dead_letters(db: Pg) -> list[asyncpg.Record]:
    return await db.pool.fetch("SELECT * FROM dead_letter ORDER BY id")


async def publish(bus: Bus, *batches: Batch[Event]) -> None:
    assert all(await publish_batches(bus, [outgoing(one) for one in batches]))
