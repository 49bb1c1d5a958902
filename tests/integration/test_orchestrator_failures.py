"""Classes of failure, quarantine, deadlines, and attempts that go on after their end, on real servers."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from contracts.commands import Command
from contracts.tasks import Assignment, FailureClass, TaskView
from tests.support.fleet import HandWorker
from tests.support.orchestrating import Orchestra, orchestra
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

QUICK: dict[str, Any] = {"lease_ms": 400, "offline_after_ms": 60_000, "quarantine_after": 2}


@pytest.fixture
async def o(database: Database, nats_server: TestNats) -> AsyncGenerator[Orchestra]:
    async with orchestra(database, nats_server, **QUICK) as it:
        yield it


async def metric(o: Orchestra, name: str) -> float:
    lines = (await o.client.get("/metrics")).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


async def quarantined(o: Orchestra) -> list[str]:
    answer = await o.client.get("/v1/tasks", params={"quarantined": True})
    return [TaskView.model_validate(item).task_id for item in answer.json()["items"]]


async def test_a_task_that_workers_do_not_survive_is_quarantined_until_it_is_retried(o: Orchestra) -> None:
    worker = await o.worker()
    before = await metric(o, "mews_tasks_quarantined_total")
    task = await o.create(max_attempts=9)
    harmless = await o.create(max_attempts=1)
    async with worker.alive() as named:
        for _ in range(3):
            # Only what is no poison is named by a heartbeat, and so kept.
            assignment = await worker.take()
            if assignment.task_id == harmless.task_id:
                named.append(assignment)
        failed = await o.reaches(task.task_id, "failed")
        assert (failed.failure_class, failed.crashes, failed.attempt) == (FailureClass.poison, 2, 2)
        assert failed.reason == (
            "quarantined: workers died 2 times while they had it, the last was w1: was lost: no sign of life for 0.4 s"
        )
        assert [(one.failure_class, one.crashes) for one in failed.attempts] == [(FailureClass.retryable, 1)] * 2
        await worker.end(named[0], "failed")
        assert (await o.reaches(harmless.task_id, "failed")).failure_class is FailureClass.retryable
        assert await quarantined(o) == [task.task_id]
        assert await metric(o, "mews_tasks_quarantined_total") == before + 1
        [told] = await o.told("event.task.quarantined")
        assert (told.task_id, told.attempt, told.data["crashes"]) == (task.task_id, 2, 2)
        assert (await o.events(task.task_id)).count("task.failed") == 1

        retried = TaskView.model_validate_json((await o.client.post(f"/v1/tasks/{task.task_id}/retry")).content)
        assert (retried.failure_class, retried.crashes) == (None, 0)
        assert await quarantined(o) == []
        named.append(again := await worker.take())
        await worker.end(again)
        assert (await o.reaches(task.task_id, "completed")).failure_class is None


async def test_crashes_that_a_worker_tells_of_count_as_well(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create(max_attempts=9)
    await worker.end(await worker.take(), "failed", reason="the sandbox was started anew", crashes=1)
    await worker.end(await worker.take(), "failed", reason="the sandbox was started anew", crashes=1)
    failed = await o.reaches(task.task_id, "failed")
    assert (failed.failure_class, failed.crashes) == (FailureClass.poison, 2)


async def test_a_permanent_failure_is_told_as_such(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create(max_attempts=9)
    await worker.end(await worker.take(), "failed", retryable=False, reason="no such repository")
    failed = await o.reaches(task.task_id, "failed")
    assert (failed.failure_class, failed.attempts[0].failure_class) == (FailureClass.permanent, FailureClass.permanent)
    [told] = [event for event in await o.told("event.task.failed") if event.task_id == task.task_id]
    assert told.data["failure_class"] == "permanent"


async def test_a_task_that_nobody_takes_in_time_is_timed_out_and_says_why(o: Orchestra) -> None:
    worker = await o.worker(slots=1, tags=["linux"])
    nobody = await o.create(requirements={"tags": "gpu", "limits": {"queue_ms": 300}})
    patient = await o.create(requirements={"tags": "gpu"})
    late = await o.reaches(nobody.task_id, "timed_out")
    assert late.reason == "no worker took it within 0.3 s: no worker has tag gpu; 1 worker online"
    assert (late.attempt, late.attempts, late.failure_class) == (0, [], None)
    assert (await o.events(nobody.task_id))[-1] == "task.timed_out"

    async with worker.alive() as named:
        held = await o.create()
        named.append(await worker.take())
        behind = await o.create(requirements={"limits": {"queue_ms": 300}})
        full = await o.reaches(behind.task_id, "timed_out")
        assert (
            full.reason == "no worker took it within 0.3 s: waiting for a free slot: 1 worker fit, with 1 slot in all"
        )
        await worker.end(named[0])
        await o.reaches(held.task_id, "completed")
        again = await o.client.post(f"/v1/tasks/{behind.task_id}/retry")
        assert again.json()["status"] == "queued"
        named.append(await worker.take())
        assert named[-1].task_id == behind.task_id
    assert (await o.task(patient.task_id)).status == "queued"


async def test_the_limit_of_the_queue_holds_for_tasks_that_name_none(database: Database, nats_server: TestNats) -> None:
    async with orchestra(database, nats_server, queue_timeout_ms=300, lease_ms=400) as o:
        given_up = await o.create()
        endless = await o.create(requirements={"limits": {"queue_ms": 0}})
        reason = "no worker took it within 0.3 s: no worker is online"
        assert (await o.reaches(given_up.task_id, "timed_out")).reason == reason
        assert (await o.task(endless.task_id)).status == "queued"


async def test_no_task_times_out_in_the_queue_while_the_bus_is_away(database: Database, nats_server: TestNats) -> None:
    async with orchestra(database, nats_server) as o:
        worker = await o.worker()
        nats_server.stop()
        task = await o.create(requirements={"limits": {"queue_ms": 200}})

        async def overdue() -> bool:
            return bool(await o.sql("SELECT FROM tasks WHERE queue_until < now() - interval '500 ms'"))

        await eventually(overdue)
        assert (await o.task(task.task_id)).status == "queued"
        nats_server.start()
        assert (await worker.take()).task_id == task.task_id


async def test_an_attempt_that_its_worker_never_ends_is_taken_away_and_runs_elsewhere(
    database: Database, nats_server: TestNats
) -> None:
    limits = {"run_ms": 100, "verify_ms": 0}
    async with orchestra(database, nats_server, backstop_grace_ms=600) as o:
        stuck = await o.worker("w1")
        async with stuck.alive() as named:
            task = await o.create(requirements={"limits": limits})
            named.append(await stuck.take())
            await stuck.progress(named[0])
            other = await o.worker("w2")
            again = await other.take()
            assert (again.task_id, again.attempt) == (task.task_id, 2)
            command = await stuck.commanded(lambda one: one.action == "cancel")
            assert (command.task_id, command.attempt) == (task.task_id, 1)
            first = (await o.task(task.task_id)).attempts[0]
            assert first.state == "timed_out"
            assert first.reason is not None
            assert "worker w1 still had it after" in first.reason
            assert "its agent may run 0.1 s" in first.reason
            await other.end(again)
            await o.reaches(task.task_id, "completed")


async def test_time_in_a_pause_does_not_count_against_the_run(database: Database, nats_server: TestNats) -> None:
    async with orchestra(database, nats_server, backstop_grace_ms=600) as o:
        worker = await o.worker()
        async with worker.alive() as named:
            task = await o.create(requirements={"limits": {"run_ms": 100, "verify_ms": 0}}, max_attempts=1)
            named.append(held := await worker.take())
            await worker.progress(held, "paused", evidence="observed")
            await o.reaches(task.task_id, "paused")

            async def would_be_over() -> bool:
                return bool(await o.sql("SELECT FROM attempts WHERE assigned_at < now() - interval '1.5 s'"))

            await eventually(would_be_over)
            assert (await o.task(task.task_id)).status == "paused"
            await worker.progress(held, "executing", evidence="observed")
            await o.reaches(task.task_id, "running")
            assert (await o.reaches(task.task_id, "timed_out")).attempt == 1


async def test_a_worker_that_goes_on_with_a_closed_attempt_is_told_again_to_end_it(o: Orchestra) -> None:
    worker = await o.worker()
    async with worker.alive() as named:
        task = await o.create()
        named.append(held := await worker.take())
        await o.client.post(f"/v1/tasks/{task.task_id}/cancel", json={})
        first = await cancels(worker, held)
        again = await cancels(worker, held)
        assert first.reason == "cancelled by the manager"
        assert again.reason == "the attempt was closed, and its worker had gone on with it"


async def test_more_attempts_than_slots_are_refused_and_placed_when_there_is_room(o: Orchestra) -> None:
    worker = await o.worker(slots=3)
    # The leader's picture of the fleet is older than this.
    await o.sql("UPDATE workers SET slots_total = 1")
    tasks = [await o.create() for _ in range(3)]
    async with worker.alive() as named:
        worker.slots = 1
        named.append(first := await worker.take())
        live = await o.sql("SELECT count(*) AS live FROM attempts WHERE ended_at IS NULL")
        assert live[0]["live"] == 1
        await worker.end(first)
        for _ in tasks[1:]:
            named.append(one := await worker.take())
            await worker.end(one)
        for task in tasks:
            await o.reaches(task.task_id, "completed")


async def cancels(worker: HandWorker, held: Assignment) -> Command:
    return await worker.commanded(lambda one: (one.action, one.task_id) == ("cancel", held.task_id))
