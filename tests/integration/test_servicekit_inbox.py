"""Applied batches on a real PostgreSQL: each takes effect once, whoever comes, in whatever order."""

import asyncio
import random

import asyncpg
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts import subjects
from contracts.batches import Batch
from contracts.events import Event
from servicekit.bus import Received
from servicekit.clock import SystemClock
from servicekit.inbox import claim
from servicekit.pg import Database as Pg
from servicekit.retention import Retention, inbox_policy
from tests.support.buskit import batch, connected
from tests.support.stack import Database

CONSUMER = "analytics-query"


def received(sealed: Batch[Event]) -> Received[Batch[Event]]:
    first = sealed.events[0]
    subject = subjects.for_event(first.kind, first.worker_id, first.task_id)
    return Received(sealed, Msg(Client(), subject))


def batches(*numbers: int, producer: str = "spool", worker_id: str = "w1") -> list[Received[Batch[Event]]]:
    return [received(batch(number, producer=producer, worker_id=worker_id)) for number in numbers]


async def apply(db: Pg, *numbers: int, consumer: str = CONSUMER, producer: str = "spool") -> list[int]:
    """The numbers that were fresh."""
    async with db.transaction() as connection:
        fresh = await claim(connection, consumer, batches(*numbers, producer=producer))
    return [one.batch.batch for one in fresh]


async def marks(db: Pg) -> list[tuple[str, int, list[int]]]:
    rows = await db.pool.fetch("SELECT producer, low, above FROM applied_batches ORDER BY producer")
    return [(row["producer"], row["low"], row["above"]) for row in rows]


async def test_a_batch_is_fresh_once_and_never_again(database: Database) -> None:
    async with connected(database) as db:
        assert await apply(db, 1, 2, 2) == [1, 2]
        assert await apply(db, 2, 1, 3) == [3]
        assert await apply(db) == []
        assert await marks(db) == [("w1/spool", 3, [])]


async def test_numbers_may_come_in_any_order_and_leave_gaps(database: Database) -> None:
    async with connected(database) as db:
        assert await apply(db, 5, 9, 4) == [5, 9, 4]
        assert await marks(db) == [("w1/spool", 0, [4, 5, 9, 9])]
        assert await apply(db, 4, 2, 1, 3) == [2, 1, 3]
        assert await marks(db) == [("w1/spool", 5, [9, 9])]


async def test_what_is_rolled_back_is_fresh_again(database: Database) -> None:
    async with connected(database) as db:
        async with db.acquire() as connection:
            failing = connection.transaction()
            await failing.start()
            assert len(await claim(connection, CONSUMER, batches(1))) == 1
            await failing.rollback()
        assert await apply(db, 1) == [1]


async def test_consumers_and_producers_do_not_disturb_each_other(database: Database) -> None:
    async with connected(database) as db:
        assert await apply(db, 1) == [1]
        assert await apply(db, 1, consumer="telemetry-ingest") == [1]
        assert await apply(db, 1, producer="other") == [1]
        async with db.transaction() as connection:
            of_another_worker = batches(1, worker_id="w2")
            assert await claim(connection, CONSUMER, of_another_worker) == of_another_worker


async def test_two_that_claim_the_same_batch_at_once_get_it_once(database: Database) -> None:
    async with connected(database) as db, db.acquire() as first:
        slow = first.transaction()
        await slow.start()
        assert len(await claim(first, CONSUMER, batches(1))) == 1
        second = asyncio.create_task(apply(db, 1))
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while not await db.pool.fetchval(waiting):
            assert not second.done()
        await slow.commit()
        assert await second == []


async def test_many_consumers_in_any_order_never_lock_each_other_out(database: Database) -> None:
    chance = random.Random(3)
    producers, last = [f"p{n}" for n in range(8)], 25
    async with connected(database, postgres_pool_size=6) as db:
        deck = [(producer, number) for producer in producers for number in range(1, last + 1)] * 2
        chance.shuffle(deck)
        fresh: list[tuple[str, int]] = []

        async def work() -> None:
            while deck:
                hand, deck[:10] = deck[:10], []
                async with db.transaction() as connection:
                    messages = [batches(number, producer=producer)[0] for producer, number in hand]
                    claimed = await claim(connection, CONSUMER, messages)
                    await asyncio.sleep(0)
                fresh.extend((one.batch.producer, one.batch.batch) for one in claimed)

        await asyncio.gather(*(work() for _ in range(6)))
        assert sorted(fresh) == sorted((producer, n) for producer in producers for n in range(1, last + 1))
        assert await marks(db) == [(f"w1/{producer}", last, []) for producer in producers]


async def test_a_number_below_one_is_an_error_of_its_message(database: Database) -> None:
    async with connected(database) as db:
        wrong = batch(1).model_copy(update={"batch": 0})
        with pytest.raises(ValueError, match="start at 1"):
            async with db.transaction() as connection:
                await claim(connection, CONSUMER, [received(wrong)])


async def test_idle_producers_are_forgotten_and_busy_ones_kept(database: Database) -> None:
    async with connected(database) as db:
        await apply(db, 1)
        await apply(db, 1, producer="old")
        owner = await asyncpg.connect(database.dsn("orchestrator", owner=True))
        await owner.execute(
            "UPDATE applied_batches SET updated_at = now() - interval '8 days' WHERE producer = 'w1/old'"
        )
        await owner.close()
        retention = Retention(db, SystemClock(), "test", [], 1_000)
        assert await retention.apply(inbox_policy(7)) == 1
        assert await marks(db) == [("w1/spool", 1, [])]
