"""The leader lease on a real PostgreSQL: one leads, and who is frozen out can do no harm."""

import asyncio

import asyncpg
import pytest

from servicekit.leader import LeaderLease, Leadership, LostLeadershipError
from servicekit.pg import Database as Pg
from servicekit.pg import is_transient
from tests.support.buskit import connected
from tests.support.fakes import FakeClock
from tests.support.stack import Database
from tests.support.waiting import eventually

NAME = "scheduler"


def candidate(db: Pg, holder: str, ttl_s: float = 30.0, clock: FakeClock | None = None) -> LeaderLease:
    return LeaderLease(db, NAME, holder, ttl_s, clock or FakeClock())


async def leads(lease: LeaderLease) -> Leadership:
    leadership = await lease.acquire_or_renew()
    assert leadership is not None
    return leadership


async def expire(db: Pg) -> None:
    """What time does to a lease that nobody renews."""
    await db.pool.execute("UPDATE leader_lease SET expires_at = clock_timestamp()")


async def test_the_first_leads_and_the_second_waits(database: Database) -> None:
    async with connected(database) as db:
        a, b = candidate(db, "a"), candidate(db, "b")
        assert (await leads(a)).epoch == 1
        assert await b.acquire_or_renew() is None


async def test_renewing_keeps_the_epoch_and_extends_the_lease(database: Database) -> None:
    async with connected(database) as db:
        clock = FakeClock()
        a = candidate(db, "a", ttl_s=30, clock=clock)
        first = await leads(a)
        assert first.lasts(clock.monotonic() + 29)
        assert not first.lasts(clock.monotonic() + 30)
        clock.advance(20)
        second = await leads(a)
        assert second == Leadership(first.epoch, first.until + 20)


async def test_a_lease_runs_out_by_itself_and_another_takes_over_with_a_new_epoch(database: Database) -> None:
    async with connected(database) as db:
        a, b = candidate(db, "a", ttl_s=0.3), candidate(db, "b")
        assert (await leads(a)).epoch == 1
        assert await b.acquire_or_renew() is None
        successor = await eventually(b.acquire_or_renew)
        assert successor.epoch == 2
        assert await a.acquire_or_renew() is None


async def test_a_frozen_leader_that_thaws_writes_nothing(database: Database) -> None:
    async with connected(database) as db:
        frozen, successor = candidate(db, "a"), candidate(db, "b")
        old = await leads(frozen)
        await expire(db)
        new = await leads(successor)

        async def write() -> None:
            async with db.transaction() as connection:
                await connection.execute("INSERT INTO effect (event_id) VALUES ('written before the check')")
                await frozen.assert_epoch(connection, old.epoch)

        with pytest.raises(LostLeadershipError, match="epoch 1 of 'scheduler' is over") as lost:
            await write()
        assert (lost.value.code, lost.value.category) == ("lost_leadership", "unavailable")
        async with db.transaction() as connection:
            await successor.assert_epoch(connection, new.epoch)
        assert await db.pool.fetchval("SELECT count(*) FROM effect") == 0


async def test_a_leader_that_slept_past_its_lease_gets_a_new_epoch_even_if_nobody_led_meanwhile(
    database: Database,
) -> None:
    async with connected(database) as db:
        a = candidate(db, "a")
        old = await leads(a)
        await expire(db)
        new = await leads(a)
        assert new.epoch == old.epoch + 1
        async with db.transaction() as connection:
            with pytest.raises(LostLeadershipError):
                await a.assert_epoch(connection, old.epoch)


async def test_nobody_takes_over_in_the_middle_of_a_leaders_transaction(database: Database) -> None:
    async with connected(database) as db:
        a, b = candidate(db, "a"), candidate(db, "b")
        old = await leads(a)
        async with db.transaction() as connection:
            await a.assert_epoch(connection, old.epoch)
            expiring = asyncio.create_task(expire(db))
            blocked = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            await eventually(lambda: db.pool.fetchval(blocked))
            assert not expiring.done()
            await connection.execute("INSERT INTO effect (event_id) VALUES ('in time')")
        await expiring
        assert (await leads(b)).epoch == 2
        assert await db.pool.fetchval("SELECT count(*) FROM effect") == 1


async def test_two_processes_of_the_same_name_are_two_candidates(database: Database) -> None:
    async with connected(database) as db:
        before, after = candidate(db, "pod-0"), candidate(db, "pod-0")
        await leads(before)
        assert await after.acquire_or_renew() is None


async def test_who_releases_lets_another_lead_at_once(database: Database) -> None:
    async with connected(database) as db:
        a, b = candidate(db, "a"), candidate(db, "b")
        await leads(a)
        await b.release()
        assert await b.acquire_or_renew() is None
        await a.release()
        assert (await leads(b)).epoch == 2


async def test_many_candidates_at_once_make_one_leader(database: Database) -> None:
    async with connected(database) as db:
        candidates = [candidate(db, f"c{n}") for n in range(10)]
        for epoch in (1, 2):
            found = await asyncio.gather(*(one.acquire_or_renew() for one in candidates))
            assert [one.epoch for one in found if one is not None] == [epoch]
            await expire(db)


async def test_leases_of_different_names_are_independent(database: Database) -> None:
    async with connected(database) as db:
        assert await LeaderLease(db, "scheduler", "a", 30).acquire_or_renew() is not None
        assert await LeaderLease(db, "janitor", "b", 30).acquire_or_renew() is not None


async def test_a_holder_that_freezes_in_the_middle_of_a_transaction_keeps_nobody_waiting(database: Database) -> None:
    async with connected(database) as db, db.acquire() as connection:
        a, b = candidate(db, "a", ttl_s=0.5), candidate(db, "b")
        transaction = connection.transaction()
        await transaction.start()
        # From here on it says nothing more, as a process does that is stopped.
        await a.assert_epoch(connection, (await leads(a)).epoch)
        assert (await eventually(b.acquire_or_renew)).epoch == 2
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)) as lost:
            await connection.fetchval("SELECT 1")
        assert is_transient(lost.value)


async def test_whoever_stands_by_does_not_wait_for_the_leaders_statements(database: Database) -> None:
    async with connected(database) as db, db.transaction() as connection:
        a, b = candidate(db, "a"), candidate(db, "b")
        await a.assert_epoch(connection, (await leads(a)).epoch)
        assert await b.acquire_or_renew() is None
