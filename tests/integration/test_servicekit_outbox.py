"""The outbox on real servers: what is committed is published, whatever dies in between."""

import asyncio
import os
import random
import signal
import sys
from typing import Any

import orjson
import pytest

from contracts.batches import MAX_BATCH
from contracts.streams import EVENTS
from servicekit.bus import Bus, Outgoing, declare_streams, publish_batches
from servicekit.metrics import REGISTRY
from servicekit.outbox import SEALED, OutboxRelay, append, append_all
from servicekit.pg import Database as Pg
from servicekit.sealing import seal
from tests.support.buskit import SCHEMA, a_bus, a_pool, cancel, connected, running
from tests.support.stack import Database, TestNats, TestPostgres
from tests.support.waiting import eventually

QUEUED, ASSIGNED, ASKED = "event.task.queued", "event.task.assigned", "event.question.asked"

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


def said(*numbers: int) -> list[bytes]:
    return [b'{"n":%d}' % number for number in numbers]


async def say(db: Pg, subject: str, *numbers: int) -> None:
    async with db.transaction() as connection:
        await append(connection, subject, said(*numbers))


async def stored(bus: Bus, stream: str = EVENTS) -> list[tuple[str, dict[str, Any]]]:
    """Subject and body of each message in the stream, in order."""
    state = (await bus.js.stream_info(stream)).state
    messages = [await bus.js.get_msg(stream, seq=n) for n in range(state.first_seq, state.last_seq + 1)]
    for message in messages:
        body = orjson.loads(message.data or b"")
        assert (message.headers or {})["Nats-Msg-Id"] == f"{body['producer']}.{body['batch']}"
    return [(message.subject or "", orjson.loads(message.data or b"")) for message in messages]


async def numbers(bus: Bus) -> list[int]:
    return [event["n"] for _, body in await stored(bus) for event in body["events"]]


async def is_empty(db: Pg) -> bool:
    return await db.pool.fetchval("SELECT NOT EXISTS (SELECT FROM outbox) AND NOT EXISTS (SELECT FROM outbox_sealed)")


async def one_is_left(db: Pg) -> bool:
    return await db.pool.fetchval("SELECT NOT EXISTS (SELECT FROM outbox) AND (SELECT count(*) = 1 FROM outbox_sealed)")


async def test_what_is_committed_is_published_in_order_and_forgotten(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        await say(db, QUEUED, 1, 2)
        await say(db, ASSIGNED, 3)
        await say(db, QUEUED, 4)
        async with running(OutboxRelay(db, bus, "orchestrator").run()):
            await eventually(lambda: is_empty(db))
        assert await stored(bus) == [
            (QUEUED, {"producer": "orchestrator.event.task", "batch": 1, "events": [{"n": 1}, {"n": 2}]}),
            (ASSIGNED, {"producer": "orchestrator.event.task", "batch": 2, "events": [{"n": 3}]}),
            (QUEUED, {"producer": "orchestrator.event.task", "batch": 3, "events": [{"n": 4}]}),
        ]


async def test_what_is_rolled_back_is_never_said(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        async with db.acquire() as connection:
            doomed = connection.transaction()
            await doomed.start()
            await append(connection, QUEUED, said(1))
            await doomed.rollback()
        await say(db, QUEUED, 2)
        async with running(OutboxRelay(db, bus, "orchestrator").run()):
            await eventually(lambda: is_empty(db))
        assert await numbers(bus) == [2]


async def test_neighbours_of_one_subject_share_batches_of_at_most_256(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        for number in range(300):
            await say(db, QUEUED, number)
        async with db.transaction() as connection:
            await append_all(connection, [(ASKED, said(*range(300, 900))), (QUEUED, [])])
        async with running(OutboxRelay(db, bus, "orchestrator").run()):
            await eventually(lambda: is_empty(db))
        bodies = [body for _, body in await stored(bus)]
        assert [len(body["events"]) for body in bodies] == [MAX_BATCH, 44, 256, 256, 88]
        assert await numbers(bus) == list(range(900))


async def test_large_items_are_spread_over_batches(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        items = [b'{"n":%d,"text":"%b"}' % (n, b"x" * 200_000) for n in range(7)]
        async with db.transaction() as connection:
            await append(connection, QUEUED, items)
        async with running(OutboxRelay(db, bus, "orchestrator").run()):
            await eventually(lambda: is_empty(db))
        assert [len(body["events"]) for _, body in await stored(bus)] == [2, 2, 2, 1]
        assert await numbers(bus) == list(range(7))


async def test_an_item_that_fits_into_no_batch_is_refused_where_it_is_said(database: Database) -> None:
    async with connected(database) as db, db.transaction() as connection:
        with pytest.raises(ValueError, match="does not fit into a batch"):
            await append(connection, QUEUED, [b"x" * 600_000])


async def test_a_batch_that_no_stream_takes_holds_up_no_other(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        await say(db, "no.such.stream", 1)
        await say(db, QUEUED, 2)
        async with running(OutboxRelay(db, bus, "orchestrator", tick_s=0.05).run()):
            await eventually(lambda: one_is_left(db))
            await say(db, QUEUED, 3)
            await eventually(lambda: one_is_left(db))
        assert await numbers(bus) == [2, 3]
        assert [row["subject"] for row in await db.pool.fetch(SEALED, 10)] == ["no.such.stream"]


async def test_each_lane_has_dense_numbers_of_its_own(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        subjects = [QUEUED, ASKED, "worker.command.w1", "worker.command.w2", ASSIGNED, "worker.command.w1"]
        for number, subject in enumerate(subjects):
            await say(db, subject, number)
        async with running(OutboxRelay(db, bus, "o").run()):
            await eventually(lambda: is_empty(db))
        numbered = [(body["producer"], body["batch"]) for _, body in await stored(bus)]
        assert numbered == [("o.event.task", 1), ("o.event.question", 1), ("o.event.task", 2)]
        commands = [(body["producer"], body["batch"]) for _, body in await stored(bus, "COMMANDS")]
        assert commands == [("o.worker.command.w1", 1), ("o.worker.command.w2", 1), ("o.worker.command.w1", 2)]


async def test_a_row_that_commits_late_is_not_skipped(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        relay = OutboxRelay(db, bus, "orchestrator", tick_s=0.05)
        async with running(relay.run()), db.acquire() as connection:
            slow = connection.transaction()
            await slow.start()
            await append(connection, QUEUED, said(1))
            await say(db, QUEUED, 2)
            await eventually(lambda: is_empty(db))
            await slow.commit()
            await eventually(lambda: is_empty(db))
        assert await numbers(bus) == [2, 1]


async def test_a_crash_after_sealing_repeats_the_same_batch(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        await say(db, QUEUED, 1, 2)
        async with db.transaction() as connection:
            (sealed,) = await seal(connection, "orchestrator")
        await say(db, QUEUED, 3)
        async with running(OutboxRelay(db, bus, "orchestrator").run()):
            await eventually(lambda: is_empty(db))
        first, second = await stored(bus)
        assert first == (sealed.subject, orjson.loads(sealed.payload))
        assert second[1]["batch"] == 2


async def test_a_crash_after_publishing_leaves_one_message_and_not_two(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        await say(db, QUEUED, 1, 2)
        async with db.transaction() as connection:
            (sealed,) = await seal(connection, "orchestrator")
        message = Outgoing(sealed.subject, sealed.message_id, sealed.payload, sealed.headers)
        assert await publish_batches(bus, [message]) == [True]
        async with running(OutboxRelay(db, bus, "orchestrator").run()):
            await eventually(lambda: is_empty(db))
        assert await numbers(bus) == [1, 2]


async def test_a_crash_while_sealing_seals_nothing(database: Database) -> None:
    async with connected(database) as db:
        await say(db, QUEUED, 1)
        async with db.acquire() as connection:
            dying = connection.transaction()
            await dying.start()
            await seal(connection, "orchestrator")
            await dying.rollback()
        assert await db.pool.fetch(SEALED, 10) == []
        async with db.transaction() as connection:
            (sealed,) = await seal(connection, "orchestrator")
        assert sealed.message_id == "orchestrator.event.task.1"


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
        relay = OutboxRelay(db, bus, "orchestrator", tick_s=60)
        async with running(relay.run()):
            for number in range(5):
                await say(db, QUEUED, number)
                relay.notify()
                await eventually(lambda: is_empty(db), within=2)
        assert await numbers(bus) == list(range(5))


async def test_one_relay_works_and_one_that_stands_by_wakes_it_and_takes_over(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_pool(database) as other, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        first = OutboxRelay(db, bus, "orchestrator", tick_s=60)
        leading = asyncio.create_task(first.run())
        await say(db, QUEUED, 1)
        first.notify()
        await eventually(lambda: is_empty(db))
        second = OutboxRelay(other, bus, "orchestrator", tick_s=0.2)
        async with running(second.run()):
            await say(other, QUEUED, 2)
            second.notify()
            await eventually(lambda: is_empty(db), within=2)
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
            await eventually(lambda: is_empty(db), within=15)
            other.send_signal(signal.SIGSTOP)
            await say(db, QUEUED, 2)
            async with running(OutboxRelay(db, bus, "orchestrator", tick_s=0.1).run()):
                await eventually(lambda: is_empty(db), within=10)
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
        relay = OutboxRelay(db, bus, "orchestrator", tick_s=60)
        async with running(relay.run()):
            await say(db, QUEUED, 1)
            relay.notify()
            await eventually(lambda: is_empty(db))
            nats_server.stop()
            await eventually(lambda: not bus.connected)
            await say(db, QUEUED, 2)
            relay.notify()
            nats_server.start()
            await eventually(lambda: is_empty(db), within=10)
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
            await eventually(lambda: is_empty(db), within=10)
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
