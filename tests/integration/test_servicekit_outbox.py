"""The outbox on real servers: what is committed is published, once and in order."""

import orjson
import pytest

from contracts.batches import MAX_BATCH
from servicekit.bus import Outgoing, declare_streams, publish_batches
from servicekit.outbox import SEALED, OutboxRelay, append, append_all
from servicekit.sealing import seal
from servicekit.traces import continued, shared
from tests.support.buskit import a_bus, connected, running
from tests.support.outboxes import ASKED, ASSIGNED, QUEUED, is_empty, numbers, one_is_left, said, say, stored
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually


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


async def test_a_batch_belongs_to_the_trace_that_all_of_it_was_said_in(database: Database) -> None:
    first, second = (f"00-{trace * 32}-{trace * 16}-01" for trace in "12")
    async with connected(database) as db:
        for subject, traceparents in ((QUEUED, (first, first)), (ASSIGNED, (first, second)), (ASKED, (first, None))):
            for number, traceparent in enumerate(traceparents):
                with continued(shared([traceparent])):
                    await say(db, subject, number)
        async with db.transaction() as connection:
            sealed = await seal(connection, "orchestrator")
    assert {batch.subject: batch.headers for batch in sealed} == {
        QUEUED: {"traceparent": first},
        ASSIGNED: {},
        ASKED: {},
    }


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
