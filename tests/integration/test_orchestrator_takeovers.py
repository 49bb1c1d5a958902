"""Leaders that die or freeze, once and again and again, and servers that are away: what the database says then."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from nats.errors import TimeoutError as NothingCame

from contracts.tasks import Assignment
from orchestrator import app
from orchestrator.settings import Settings
from tests.support.buskit import a_bus
from tests.support.fleet import HandWorker
from tests.support.orchestrating import Orchestra, Replica, frozen, outlast, replicas
from tests.support.stack import Database, TestNats, TestPostgres
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(400)

TAKEOVER_S = 5.0
ROUNDS, TASKS_A_ROUND = 4, 40
WORKERS, SLOTS = 3, 30
DEFAULT_LEASE_MS: int = Settings.model_fields["leader_lease_ms"].default


async def leads(replica: Replica) -> bool:
    return "mews_orchestrator_leads 1.0" in (await replica.client.get("/metrics")).text


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
async def test_another_replica_leads_within_five_seconds(
    database: Database, nats_server: TestNats, sign: signal.Signals
) -> None:
    async with (
        a_bus(nats_server) as bus,
        replicas(database, nats_server, 2, leader_lease_ms=DEFAULT_LEASE_MS) as (first, second),
    ):
        await first.start()
        await eventually(lambda: leads(first))
        o = Orchestra(await second.start(), bus, database.dsn(app.SCHEMA))
        worker = await o.worker()
        os.kill(first.pid, sign)
        await eventually(lambda: leads(second), within=TAKEOVER_S)
        task = await o.create("after the takeover")
        assert (await worker.take()).task_id == task.task_id


class Labour:
    """A worker that ends whatever it is given, and notes all of it."""

    def __init__(self, worker: HandWorker) -> None:
        self.worker = worker
        self.given: list[tuple[str, int]] = []
        self.most_held = 0

    async def run(self, named: list[Assignment]) -> None:
        """Take what comes, and end it once no more comes."""
        while True:
            while (assignment := await self._next()) is not None:
                named.append(assignment)
                self.given.append((assignment.task_id, assignment.attempt))
                self.most_held = max(self.most_held, len(named))
            while named:
                await self.worker.progress(named[0])
                await self.worker.end(named.pop(0))

    async def _next(self) -> Assignment | None:
        try:
            return await self.worker.take(within=0.1)
        except NothingCame:
            return None


@asynccontextmanager
async def at_work(o: Orchestra) -> AsyncGenerator[list[Labour]]:
    """Workers that register, live, and work until the end of the block."""
    labours = [Labour(await o.worker(f"w{number}", SLOTS)) for number in range(WORKERS)]

    async def live(labour: Labour) -> None:
        async with labour.worker.alive(0.2) as named:
            await labour.run(named)

    running = [asyncio.create_task(live(labour)) for labour in labours]
    try:
        yield labours
        assert not any(task.done() for task in running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def ordered(replica: Replica, many: int) -> list[str]:
    """New tasks, accepted by this replica."""
    answers: list[str] = []
    for _ in range(many):
        answer = await replica.client.post("/v1/tasks", json={"description": "x"})
        assert answer.status_code == 201, answer.text
        answers.append(answer.json()["task_id"])
    return answers


async def freeze_the_leader(both: Sequence[Replica], o: Orchestra, chance: random.Random) -> list[str]:
    """Freeze whoever leads in the middle of its work, until the other has placed all that is new; the tasks ordered."""

    async def leader() -> Replica | None:
        return next(iter([replica for replica in both if await leads(replica)]), None)

    first = await eventually(leader, within=30)
    [second] = [replica for replica in both if replica is not first]
    tasks = await ordered(first, TASKS_A_ROUND)
    await outlast(chance.uniform(0, 0.2))
    with frozen(first.pid):
        meanwhile = await ordered(second, TASKS_A_ROUND)

        async def all_assigned() -> bool:
            [found] = await o.sql("SELECT count(*) AS many FROM attempts WHERE task_id = ANY($1)", meanwhile)
            return found["many"] == len(meanwhile)

        await eventually(all_assigned, within=60)
    return tasks + meanwhile


async def test_leaders_that_freeze_again_and_again_lose_double_and_leak_nothing(
    database: Database, nats_server: TestNats
) -> None:
    chance = random.Random(5)
    async with (
        a_bus(nats_server) as bus,
        replicas(database, nats_server, 2, leader_lease_ms=1_000, lease_ms=60_000, offline_after_ms=60_000) as both,
    ):
        o = Orchestra(await both[0].start(), bus, database.dsn(app.SCHEMA))
        await both[1].start()
        async with at_work(o) as labours:
            tasks: list[str] = []
            for _ in range(ROUNDS):
                tasks += await freeze_the_leader(both, o, chance)

            async def all_ended() -> bool:
                left = await o.sql("SELECT count(*) AS many FROM tasks WHERE status <> 'completed'")
                return left[0]["many"] == 0

            await eventually(all_ended, within=90)
        await check_invariants(o, tasks, labours)


async def check_invariants(o: Orchestra, tasks: list[str], labours: list[Labour]) -> None:
    rows = await o.sql("SELECT task_id, attempt, state, epoch FROM attempts ORDER BY task_id, attempt")
    assert [(row["task_id"], row["attempt"], row["state"]) for row in rows] == [
        (task_id, 1, "completed") for task_id in sorted(tasks)
    ]
    assert len({row["epoch"] for row in rows}) > 1
    given = [one for labour in labours for one in labour.given]
    assert sorted(given) == [(task_id, 1) for task_id in sorted(tasks)]
    assert all(labour.most_held <= SLOTS for labour in labours)
    [counted] = await o.sql(
        "SELECT sum(tasks_completed)::int AS completed, sum(tasks_failed)::int AS failed FROM workers"
    )
    assert (counted["completed"], counted["failed"]) == (len(tasks), 0)


async def test_leases_stand_still_while_the_database_is_away_and_no_task_starts_again(
    postgres: TestPostgres, database: Database, nats_server: TestNats
) -> None:
    async with (
        a_bus(nats_server) as bus,
        replicas(database, nats_server, 1, leader_lease_ms=600, lease_ms=1_000, offline_after_ms=1_000) as (only,),
    ):
        o = Orchestra(await only.start(), bus, database.dsn(app.SCHEMA))
        worker = await o.worker()
        async with worker.alive() as named:
            task = await o.create("begun before")
            named.append(held := await worker.take())
            await worker.progress(held)
            await o.reaches(task.task_id, "running")
            postgres.stop()
            try:
                # Several leases long: this is the time that is tested, not a time to wait for something.
                await outlast(4)
                assert (await only.client.get("/healthz")).status_code == 200
                assert (await only.client.get("/readyz")).status_code == 503
            finally:
                postgres.start()
            await eventually(lambda: is_ready(only), within=30)
            after = await o.create("after")
            named.append(again := await worker.take(within=30))
            assert again.task_id == after.task_id
            for assignment in (held, again):
                await worker.end(assignment)
            for one in (task, after):
                done = await o.reaches(one.task_id, "completed", within=30)
                assert [attempt.state for attempt in done.attempts] == ["completed"]


async def is_ready(replica: Replica) -> Any:
    return (await replica.client.get("/readyz")).status_code == 200


async def test_an_outage_of_the_bus_that_outlasts_leases_and_leader_starts_no_task_again(
    database: Database, nats_server: TestNats
) -> None:
    async with (
        a_bus(nats_server) as bus,
        replicas(database, nats_server, 2, leader_lease_ms=600, lease_ms=1_000, offline_after_ms=1_000) as both,
    ):
        o = Orchestra(await both[0].start(), bus, database.dsn(app.SCHEMA))
        worker = await o.worker()
        async with worker.alive() as named:
            task = await o.create("begun before")
            named.append(held := await worker.take())
            await worker.progress(held)
            await o.reaches(task.task_id, "running")
            await both[1].start()
            nats_server.stop()
            # A new leader knows of nobody, and must not take the silence of the bus for that of the workers.
            await both[0].kill()
            heir = Orchestra(both[1].client, bus, database.dsn(app.SCHEMA))
            await eventually(lambda: leads(both[1]))
            await outlast(3)
            assert (await heir.task(task.task_id)).attempt == 1
            nats_server.start()
            await eventually(lambda: is_ready(both[1]), within=30)
            await worker.end(held)
            done = await heir.reaches(task.task_id, "completed", within=30)
            assert [attempt.state for attempt in done.attempts] == ["completed"]
