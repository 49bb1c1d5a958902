"""The consumer when PostgreSQL, the broker, its data, or the consumer itself goes away."""

import asyncio
import shutil

from contracts.streams import TELEMETRY
from servicekit.bus import (
    Outgoing,
    declare_streams,
    keep_declared,
    publish_batches,
)
from tests.support.buskit import a_bus, batch, cancel, connected, event_ids, outgoing, running, settings_of
from tests.support.consuming import DURABLE, Handler, consumer, dead_letters, publish, settled
from tests.support.stack import Database, TestNats, TestPostgres
from tests.support.waiting import eventually


async def test_while_postgresql_is_away_nothing_is_put_aside_and_nothing_is_lost(
    database: Database, nats_server: TestNats, postgres: TestPostgres
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        handler = Handler(db)
        sent = [batch(n, size=2) for n in range(1, 61)]
        async with running(consumer(bus, db, handler).run()):
            await publish(bus, *sent[:20])
            await eventually(lambda: settled(bus))
            postgres.stop()
            try:
                await publish(bus, *sent[20:])
                assert await publish_batches(bus, [Outgoing("worker.plan.w1", "bad", b"{}")]) == [True]

                async def given_back_twice() -> bool:
                    info = await bus.js.consumer_info(TELEMETRY, DURABLE)
                    return info.delivered is not None and info.delivered.consumer_seq > 20 + 3 * 41

                await eventually(given_back_twice)
                assert not await settled(bus)
            finally:
                postgres.start()
            await eventually(lambda: settled(bus))
        assert sorted(await handler.applied()) == sorted(event_ids(sent))
        assert [letter["payload"] for letter in await dead_letters(db)] == [b"{}"]


async def test_a_restart_of_the_broker_is_survived(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await keep_declared(bus, settings_of(nats_server))
        await bus.wait_ready()
        handler = Handler(db)
        sent = [batch(n) for n in range(1, 5)]
        async with running(consumer(bus, db, handler).run()):
            await publish(bus, *sent[:2])
            await eventually(lambda: settled(bus))
            nats_server.stop()
            await eventually(lambda: not bus.connected)
            assert await publish_batches(bus, [outgoing(sent[2])]) == [False]
            nats_server.start()
            await eventually(lambda: bus.ready)
            await publish(bus, *sent[2:])
            await eventually(lambda: settled(bus))
        assert await handler.applied() == event_ids(sent)


async def test_a_broker_that_comes_back_without_its_data_is_made_whole(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await keep_declared(bus, settings_of(nats_server))
        await bus.wait_ready()
        handler = Handler(db)
        sent = [batch(n) for n in (1, 2)]
        async with running(consumer(bus, db, handler).run()):
            await publish(bus, sent[0])
            await eventually(lambda: settled(bus))
            nats_server.stop()
            await eventually(lambda: not bus.connected)
            shutil.rmtree(nats_server.data_dir / "jetstream")
            nats_server.start()
            await eventually(lambda: bus.ready)
            # The producer has no acknowledgement of the first, and sends it again.
            await publish(bus, *sent)
            await eventually(lambda: settled(bus))
        assert await handler.applied() == event_ids(sent)


async def test_a_durable_deleted_under_a_consumer_is_declared_again(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await keep_declared(bus, settings_of(nats_server))
        handler = Handler(db)
        async with running(consumer(bus, db, handler).run()):
            await bus.wait_ready()
            await publish(bus, batch(1))
            await eventually(lambda: settled(bus))
            await bus.js.delete_consumer(TELEMETRY, DURABLE)

            async def is_back() -> bool:
                return DURABLE in [info.name for info in await bus.js.consumers_info(TELEMETRY)]

            await eventually(is_back)
            await publish(bus, batch(2))
            await eventually(lambda: settled(bus))
        assert len(await handler.applied()) == 2


async def test_a_consumer_starts_before_the_broker_and_its_streams(database: Database, nats_server: TestNats) -> None:
    nats_server.stop()
    async with connected(database) as db, a_bus(nats_server) as bus:
        assert not bus.connected
        await keep_declared(bus, settings_of(nats_server))
        handler = Handler(db)
        async with running(consumer(bus, db, handler).run()):
            nats_server.start()
            await eventually(lambda: bus.ready)
            await publish(bus, batch(1))
            await eventually(lambda: settled(bus))
        assert len(await handler.applied()) == 1


async def test_a_consumer_that_stops_finishes_its_gathering_and_gives_the_rest_back_at_once(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        sent = [batch(n) for n in range(1, 21)]
        await publish(bus, *sent)
        leaving, staying = Handler(db), Handler(db)
        leaving.gate.clear()
        stopping = asyncio.create_task(consumer(bus, db, leaving, max_events=5, max_wait_ms=200).run())

        async def all_delivered() -> bool:
            info = await bus.js.consumer_info(TELEMETRY, DURABLE)
            return info.num_ack_pending == len(sent)

        await eventually(all_delivered)
        stopping.cancel()
        leaving.gate.set()
        await cancel(stopping)
        assert leaving.calls == [5]
        async with running(consumer(bus, db, staying).run()):
            await eventually(lambda: settled(bus))
        assert sum(staying.calls) == 15
        assert sorted(await staying.applied()) == sorted(event_ids(sent))
