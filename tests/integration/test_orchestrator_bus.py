"""What the orchestrator does with messages that are wrong, and with a bus that is away."""

from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest

from contracts import subjects
from servicekit.bus import Outgoing, publish_batches
from servicekit.ids import new_id
from tests.support.orchestrating import Orchestra, frozen, orchestra, outlast
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually


@pytest.fixture
async def o(database: Database, nats_server: TestNats) -> AsyncGenerator[Orchestra]:
    async with orchestra(database, nats_server) as it:
        yield it


async def dead_letter(o: Orchestra, subject: str) -> str:
    """The reason of the one dead letter of a subject."""

    async def letters() -> list[Any]:
        return await o.sql("SELECT reason FROM dead_letter WHERE subject = $1", subject)

    found = await eventually(letters)
    assert len(found) == 1
    return found[0]["reason"]


async def publish(o: Orchestra, subject: str, payload: bytes) -> None:
    assert await publish_batches(o.bus, [Outgoing(subject, new_id("msg"), payload)]) == [True]


async def still_works(o: Orchestra, worker_id: str = "steady") -> None:
    worker = await o.worker(worker_id)
    task = await o.create(worker_id=worker_id)
    await worker.end(await worker.take())
    await o.reaches(task.task_id, "completed")


async def test_what_is_no_batch_is_put_aside_and_nothing_else_is_disturbed(o: Orchestra) -> None:
    await publish(o, "worker.progress.w1", b"{not json")
    assert "JSON" in await dead_letter(o, "worker.progress.w1")
    await publish(o, "worker.completion.w1", b'{"producer":"p","batch":1,"events":[{"kind":"outcome"}]}')
    assert "event_id" in await dead_letter(o, "worker.completion.w1")
    await still_works(o)


async def test_an_event_in_another_workers_name_is_put_aside(o: Orchestra) -> None:
    victim = await o.worker("victim")
    task = await o.create()
    assignment = await victim.take()
    forged = victim.outcome(assignment, "failed", retryable=False)
    batch = orjson.dumps({"producer": "forger", "batch": 1, "events": [forged.to_dict()]})
    await publish(o, "worker.completion.forger", batch)
    assert "does not belong" in await dead_letter(o, "worker.completion.forger")
    assert (await o.task(task.task_id)).status == "assigned"


async def test_an_outcome_of_an_attempt_that_is_another_workers_is_put_aside(o: Orchestra) -> None:
    holder = await o.worker("holder")
    task = await o.create()
    assignment = await holder.take()
    other = await o.worker("other")
    await other.end(assignment, "failed", retryable=False)
    reason = await dead_letter(o, "worker.completion.other")
    assert f"{task.task_id} has no attempt 1 on worker 'other'" in reason
    assert (await o.task(task.task_id)).status == "assigned"
    await holder.end(assignment)
    await o.reaches(task.task_id, "completed")


async def test_a_report_of_a_task_that_never_was_is_put_aside(o: Orchestra) -> None:
    worker = await o.worker()
    await worker.producer.send(worker.event("progress", {"status": "x"}, task_id="task-none", attempt=1))
    assert "task-none has no attempt 1" in await dead_letter(o, "worker.progress.w1")
    await worker.producer.send(worker.event("completion", {"status": "completed"}))
    assert "needs task_id" in await dead_letter(o, "worker.completion.w1")
    await still_works(o)


async def test_a_registration_for_another_worker_is_put_aside(o: Orchestra) -> None:
    worker = await o.worker()
    body = {"worker_id": "other", "hostname": "h", "incarnation": "i"}
    await worker.producer.send(worker.event("registered", body))
    assert "'other' is not 'w1'" in await dead_letter(o, "worker.registered.w1")
    assert (await o.client.get("/v1/workers/other")).status_code == 404


async def test_a_heartbeat_that_is_wrong_or_forged_is_put_aside(o: Orchestra) -> None:
    await o.bus.publish_core(subjects.heartbeat("w1"), b"{}")
    assert "worker_id" in await dead_letter(o, "worker.heartbeat.w1")
    worker = await o.worker("w2")
    await o.bus.publish_core(
        subjects.heartbeat("w3"),
        orjson.dumps(
            {"worker_id": "w2", "incarnation": worker.incarnation, "sent_at": "2026-01-01T00:00:00Z"}
            | {"slots_total": 99, "slots_free": 99}
        ),
    )
    assert "'w2' does not belong" in await dead_letter(o, "worker.heartbeat.w3")
    assert (await o.worker_view("w2")).slots_total == 3


async def test_a_heartbeat_with_impossible_slots_keeps_out_no_other_and_stops_no_watch(
    o: Orchestra,
) -> None:
    broken, whole = await o.worker("w1"), await o.worker("w2")

    async def is_written() -> bool:
        await broken.beat(slots_total=2**40)
        await whole.beat(slots_total=7)
        return (await o.worker_view("w2")).slots_total == 7

    await eventually(is_written)
    assert (await o.client.get("/readyz")).status_code == 200


async def test_leases_stand_still_while_the_bus_is_away_and_are_full_again_afterwards(
    database: Database, nats_server: TestNats
) -> None:
    async with orchestra(database, nats_server, lease_ms=600, offline_after_ms=600) as o:
        worker = await o.worker()
        async with worker.alive() as named:
            task = await o.create()
            named.append(assignment := await worker.take())
            await worker.progress(assignment)
            await o.reaches(task.task_id, "running")
            nats_server.stop()
            away = await o.create("accepted while the bus is away")
            assert away.status == "queued"
            # Twice as long as a lease lasts: this is the time that is tested, not a time to wait for something.
            await outlast(1.2)
            assert (await o.task(task.task_id)).attempt == 1
            assert (await o.worker_view()).status == "online"
            nats_server.start()
            second = await worker.take()
            named.append(second)
            assert second.task_id == away.task_id
            await worker.end(assignment)
            done = await o.reaches(task.task_id, "completed")
            assert [one.state for one in done.attempts] == ["completed"]


async def test_leases_stand_still_while_the_broker_hangs(database: Database, nats_server: TestNats) -> None:
    async with orchestra(database, nats_server, lease_ms=2_000, offline_after_ms=2_000) as o:
        worker = await o.worker()
        async with worker.alive() as named:
            task = await o.create()
            named.append(await worker.take())
            with frozen(nats_server.info.pid or 0):
                await outlast(4)
                assert (await o.task(task.task_id)).attempt == 1
                assert (await o.worker_view()).status == "online"
            later = await o.create()
            named.append(await worker.take())
            assert named[-1].task_id == later.task_id
            assert (await o.task(task.task_id)).attempt == 1
