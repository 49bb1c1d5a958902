"""The consumer on real servers: what takes effect, and what is put aside."""

from contracts.streams import TELEMETRY
from servicekit.bus import (
    Outgoing,
    RetryPolicy,
    declare_streams,
    publish_batches,
)
from tests.support.buskit import a_bus, batch, connected, event_ids, outgoing, running
from tests.support.consuming import DURABLE, Handler, consumer, dead_letters, publish, settled
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually


async def test_what_is_published_takes_effect_once_and_in_order(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        sent = [batch(n, size=3) for n in range(1, 101)]
        await publish(bus, *sent)
        handler = Handler(db)
        async with running(consumer(bus, db, handler).run()):
            await eventually(lambda: settled(bus))
        assert await handler.applied() == event_ids(sent)
        assert len(handler.calls) < len(sent)


async def test_a_gathering_holds_no_more_events_than_asked(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        await publish(bus, *(batch(n, size=10) for n in range(1, 31)))
        handler = Handler(db)
        async with running(consumer(bus, db, handler, max_events=50, max_wait_ms=500).run()):
            await eventually(lambda: settled(bus))
        assert handler.calls == [5] * 6


async def test_a_copy_of_a_batch_under_another_message_id_changes_nothing(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        one = batch(1)
        copies = [outgoing(one)._replace(message_id=f"other-{n}") for n in range(3)]
        assert all(await publish_batches(bus, copies))
        handler = Handler(db)
        async with running(consumer(bus, db, handler).run()):
            await eventually(lambda: settled(bus))
        assert await handler.applied() == event_ids([one])


async def test_what_does_not_validate_is_put_aside_and_the_rest_goes_on(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        good, bad = [batch(1), batch(3)], b'{"producer":"spool","batch":2,"events":[{"kind":"progress"}]}'
        messages = [outgoing(good[0]), Outgoing("worker.progress.w1", "bad", bad, {"Note": "x"}), outgoing(good[1])]
        assert all(await publish_batches(bus, messages))
        handler = Handler(db)
        async with running(consumer(bus, db, handler).run()):
            await eventually(lambda: settled(bus))
        assert await handler.applied() == event_ids(good)
        (letter,) = await dead_letters(db)
        assert (letter["stream"], letter["subject"], letter["payload"]) == (TELEMETRY, "worker.progress.w1", bad)
        assert "events.0.progress.body: Field required" in letter["reason"]
        assert letter["headers"]["Note"] == "x"


async def test_garbage_with_nul_characters_is_put_aside(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        garbage = [b"\x00\xff", b"", b"[]", b'{"a":"\\u0000"}']
        assert all(
            await publish_batches(bus, [Outgoing("worker.plan.w", str(n), text) for n, text in enumerate(garbage)])
        )
        async with running(consumer(bus, db, Handler(db)).run()):
            await eventually(lambda: settled(bus))
        assert [letter["payload"] for letter in await dead_letters(db)] == garbage


async def test_a_worker_cannot_speak_for_another(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        forged = Outgoing("worker.progress.w2", "forged", batch(1, worker_id="w1").to_json())
        assert await publish_batches(bus, [forged]) == [True]
        handler = Handler(db)
        async with running(consumer(bus, db, handler).run()):
            await eventually(lambda: settled(bus))
        assert await handler.applied() == []
        (letter,) = await dead_letters(db)
        assert "of worker 'w1'" in letter["reason"]
        assert "worker.progress.w2" in letter["reason"]


async def test_a_worker_that_uses_another_ones_producer_id_hides_nothing(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        thief, victim = batch(1, worker_id="w2"), batch(1, worker_id="w1")
        messages = [outgoing(thief)._replace(message_id="thief"), outgoing(victim)]
        assert all(await publish_batches(bus, messages))
        handler = Handler(db)
        async with running(consumer(bus, db, handler).run()):
            await eventually(lambda: settled(bus))
        assert await handler.applied() == event_ids([thief, victim])


async def test_poison_is_found_among_many_and_put_aside_alone(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        sent = [batch(n) for n in range(1, 41)]
        await publish(bus, *sent)
        handler = Handler(db)
        handler.poison = {7, 23}
        async with running(consumer(bus, db, handler, max_wait_ms=200).run()):
            await eventually(lambda: settled(bus))
        good = [one for one in sent if one.batch not in handler.poison]
        assert await handler.applied() == event_ids(good)
        letters = await dead_letters(db)
        assert sorted(letter["headers"]["Nats-Msg-Id"] for letter in letters) == ["spool.23", "spool.7"]
        assert "invalid input syntax for type json" in letters[0]["reason"]


async def test_a_failure_that_passes_makes_no_dead_letter(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        handler = Handler(db)
        handler.poison = {1}
        sent = batch(1)
        patient = RetryPolicy(poison_delays_s=(0.05, 0.3, 30.0))
        async with running(consumer(bus, db, handler, policy=patient).run()):
            await publish(bus, sent)

            async def delivered_again() -> bool:
                info = await bus.js.consumer_info(TELEMETRY, DURABLE)
                return info.delivered is not None and info.delivered.consumer_seq == 2

            await eventually(delivered_again)
            handler.poison = set()
            await eventually(lambda: settled(bus))
        assert await handler.applied() == event_ids([sent])
        assert await dead_letters(db) == []


async def test_two_consumers_of_a_durable_share_it_without_doing_anything_twice(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus, a_bus(nats_server) as other:
        await declare_streams(bus.js)
        workers = [f"w{n}" for n in range(5)]
        sent = [batch(n, worker_id=worker, producer=f"spool-{worker}") for n in range(1, 101) for worker in workers]
        copies = [outgoing(one)._replace(message_id=f"copy-{n}") for n, one in enumerate(sent)]
        assert all(await publish_batches(bus, [outgoing(one) for one in sent] + copies))
        first, second = Handler(db), Handler(db)
        consumers = [consumer(bus, db, first, max_events=20), consumer(other, db, second, max_events=20)]
        async with running(*(one.run() for one in consumers)):
            await eventually(lambda: settled(bus))
        assert first.calls
        assert second.calls
        assert sorted(await first.applied()) == sorted(event_ids(sent))
        assert await dead_letters(db) == []
        assert await db.pool.fetchval("SELECT bool_and(low = 100 AND above = '{}') FROM applied_batches")


async def test_large_batches_are_pulled_in_few_and_all_arrive(database: Database, nats_server: TestNats) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        padding = b" " * 1_000_000
        sent = [batch(n) for n in range(1, 61)]
        messages = [outgoing(one) for one in sent]
        assert all(await publish_batches(bus, [one._replace(payload=one.payload + padding) for one in messages]))
        handler = Handler(db)
        async with running(consumer(bus, db, handler).run()):
            await eventually(lambda: settled(bus))
        assert await handler.applied() == event_ids(sent)
