"""The relay of the outbox when it, its rival, the broker or PostgreSQL stops."""

import asyncio
import os
import random
import signal
import sys

from servicekit.bus import declare_streams
from servicekit.metrics import REGISTRY
from servicekit.outbox import SEALED, OutboxRelay, append
from servicekit.pg import Database as Pg
from tests.support.buskit import SCHEMA, a_bus, a_pool, cancel, connected, running
from tests.support.outboxes import ASSIGNED, QUEUED, is_empty, numbers, said, say, stored
from tests.support.stack import Database, TestNats, TestPostgres
from tests.support.waiting import eventually

RELAY = """
import asyncio
from servicekit.bus import Bus
from servicekit.outbox import OutboxRelay
from servicekit.pg import Database
from servicekit.settings import ServiceSettings

async def relay():
    settings = ServiceSettings()
    db, bus = await Database.connect(settings, "orchestrator"), await Bus.connect(settings, "relay")
    await OutboxRelay(db, bus, "orchestrator", tick_s=0.1, lease_s=1.0).run()

asyncio.run(relay())
"""


async def test_a_relay_killed_again_and_again_loses_and_doubles_nothing(
    database: Database, nats_server: TestNats
) -> None:
    chance = random.Random(7)
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        count = 0
        for _ in range(15):
            for _ in range(chance.randint(1, 20)):
                await say(db, chance.choice([QUEUED, ASSIGNED]), count)
                count += 1
            relay = asyncio.create_task(OutboxRelay(db, bus, "orchestrator", tick_s=0.01).run())
            # However far it comes in so many steps of the loop.
            for _ in range(chance.randint(0, 60)):
                await asyncio.sleep(0)
            await cancel(relay)
        async with running(OutboxRelay(db, bus, "orchestrator").run()):
            await eventually(lambda: is_empty(db))
        assert await numbers(bus) == list(range(count))
        batches = [body["batch"] for _, body in await stored(bus)]
        assert batches == list(range(1, len(batches) + 1))


async def test_a_notified_relay_does_not_wait_for_its_tick(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        relay = OutboxRelay(db, bus, "orchestrator", tick_s=600)
        async with running(relay.run()):
            for number in range(5):
                await say(db, QUEUED, number)
                relay.notify()
                await eventually(lambda: is_empty(db))
        assert await numbers(bus) == list(range(5))


async def test_one_relay_works_and_one_that_stands_by_wakes_it_and_takes_over(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_pool(database) as other, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        first = OutboxRelay(db, bus, "orchestrator", tick_s=600)
        leading = asyncio.create_task(first.run())
        await say(db, QUEUED, 1)
        first.notify()
        await eventually(lambda: is_empty(db))
        second = OutboxRelay(other, bus, "orchestrator", tick_s=0.2)
        async with running(second.run()):
            await say(other, QUEUED, 2)
            second.notify()
            await eventually(lambda: is_empty(db))
            assert await locks(db) == 1
            await cancel(leading)
            await say(other, QUEUED, 3)
            await eventually(lambda: is_empty(db))
        assert await numbers(bus) == [1, 2, 3]


async def test_a_frozen_relay_is_replaced_and_does_no_harm_when_it_thaws(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        env = dict(os.environ) | database.env(SCHEMA) | nats_server.env()
        other = await asyncio.create_subprocess_exec(sys.executable, "-c", RELAY, env=env)
        try:
            await say(db, QUEUED, 1)
            await eventually(lambda: is_empty(db))
            other.send_signal(signal.SIGSTOP)
            await say(db, QUEUED, 2)
            async with running(OutboxRelay(db, bus, "orchestrator", tick_s=0.1).run()):
                await eventually(lambda: is_empty(db))
                other.send_signal(signal.SIGCONT)
                await say(db, QUEUED, 3)
                await eventually(lambda: is_empty(db))
        finally:
            other.kill()
            await other.wait()
        assert await numbers(bus) == [1, 2, 3]


async def test_what_is_said_while_the_broker_is_away_is_published_when_it_comes(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        relay = OutboxRelay(db, bus, "orchestrator", tick_s=600)
        async with running(relay.run()):
            await say(db, QUEUED, 1)
            relay.notify()
            await eventually(lambda: is_empty(db))
            nats_server.stop()
            await eventually(lambda: not bus.connected)
            await say(db, QUEUED, 2)
            relay.notify()
            nats_server.start()
            await eventually(lambda: is_empty(db))
        assert await numbers(bus) == [1, 2]


async def test_a_relay_outlives_postgresql(database: Database, nats_server: TestNats, postgres: TestPostgres) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        async with running(OutboxRelay(db, bus, "orchestrator", tick_s=0.05).run()):
            await say(db, QUEUED, 1)
            await eventually(lambda: is_empty(db))
            postgres.stop()
            postgres.start()
            await db.run(lambda connection: append(connection, QUEUED, said(2)))
            await eventually(lambda: is_empty(db))
        assert await numbers(bus) == [1, 2]


async def test_what_a_full_stream_refuses_stays_and_is_published_later(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        info = await bus.js.stream_info("TASKS")
        await bus.js.update_stream(info.config.evolve(max_bytes=1))
        async with running(OutboxRelay(db, bus, "orchestrator", tick_s=0.05).run()):
            await say(db, "worker.task.w1", 1)

            async def is_sealed() -> bool:
                return len(await db.pool.fetch(SEALED, 10)) == 1

            await eventually(is_sealed)
            await bus.js.update_stream(info.config)
            await eventually(lambda: is_empty(db))
        assert (await bus.js.stream_info("TASKS")).state.messages == 1


async def test_rows_and_their_age_are_measured(database: Database, nats_server: TestNats) -> None:
    nats_server.stop()
    async with connected(database) as db, a_bus(nats_server) as bus:
        await say(db, QUEUED, 1)
        await say(db, QUEUED, 2)
        async with running(OutboxRelay(db, bus, "orchestrator", tick_s=0.05).run()):

            def measured() -> bool:
                rows = REGISTRY.get_sample_value("mews_outbox_rows", {"schema": SCHEMA})
                age = REGISTRY.get_sample_value("mews_outbox_oldest_seconds", {"schema": SCHEMA})
                return rows == 2 and age is not None and age > 0.05

            await eventually(measured)


async def locks(db: Pg) -> int:
    return await db.pool.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
