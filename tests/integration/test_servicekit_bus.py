import asyncio
import shutil

import nats
import pytest
from nats.js.errors import NotFoundError

from contracts.batches import EVENT_BATCH, Batch
from contracts.events import Event
from contracts.streams import STREAMS, TELEMETRY
from servicekit.bus import (
    BatchConsumer,
    Bus,
    DeadLetters,
    Outgoing,
    Received,
    RetryPolicy,
    declare_streams,
    ensure_worker_consumers,
    foreign_event,
    keep_declared,
    publish_batches,
)
from servicekit.inbox import claim
from servicekit.pg import Database as Pg
from tests.support.buskit import (
    a_bus,
    batch,
    cancel,
    connected,
    event_ids,
    outgoing,
    running,
    settings_of,
)
from tests.support.stack import Database, TestNats, TestPostgres
from tests.support.waiting import eventually

DURABLE = "telemetry-ingest"
QUICK = RetryPolicy(first_pause_s=0.05, most_pause_s=0.2, hold_s=0.3, poison_delays_s=(0.05,))
EFFECT = "INSERT INTO effect (event_id) SELECT unnest($1::text[])"


class Handler:
    """Writes the ids of fresh batches' events, in one transaction a gathering."""

    def __init__(self, db: Pg) -> None:
        self.db = db
        self.calls: list[int] = []

    async def __call__(self, received: list[Received[Batch[Event]]]) -> None:
        async with self.db.transaction() as connection:
            fresh = await claim(connection, DURABLE, received)
            await connection.execute(EFFECT, event_ids(one.batch for one in fresh))
        self.calls.append(len(received))

    async def applied(self) -> list[str]:
        rows = await self.db.pool.fetch("SELECT event_id FROM effect ORDER BY id")
        return [row["event_id"] for row in rows]


def consumer(bus: Bus, db: Pg, handler: Handler, **more: object) -> BatchConsumer[Batch[Event]]:
    options = {"validate": foreign_event, "policy": QUICK} | more
    return BatchConsumer(bus, TELEMETRY, DURABLE, EVENT_BATCH, handler, DeadLetters(db.pool), **options)  # type: ignore[arg-type]


async def unacknowledged(bus: Bus) -> int:
    info = await bus.js.consumer_info(TELEMETRY, DURABLE)
    return (info.num_ack_pending or 0) + (info.num_pending or 0)


async def settled(bus: Bus) -> bool:
    return await unacknowledged(bus) == 0


async def test_what_is_published_takes_effect_once_and_in_order(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        sent = [batch(n, size=3) for n in range(1, 101)]
        assert all(await publish_batches(bus, [outgoing(one) for one in sent]))
        handler = Handler(db)
        async with running(consumer(bus, db, handler).run()):
            await eventually(lambda: settled(bus))
        assert await handler.applied() == event_ids(sent)
        assert len(handler.calls) < len(sent)


async def test_a_repeated_publication_is_stored_once(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        message = outgoing(batch(1))
        assert await publish_batches(bus, [message, message]) == [True, True]
        assert await publish_batches(bus, [message]) == [True]
        assert (await bus.js.stream_info(TELEMETRY)).state.messages == 1
