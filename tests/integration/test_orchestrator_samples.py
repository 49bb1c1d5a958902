"""What the orchestrator says for reports: how the fleet stands, and what a task is about."""

import asyncio
from collections.abc import Callable

from contracts.batches import DECIDED_BATCH
from contracts.decided import DecidedKind, FleetSample, TaskAbout
from tests.support.orchestrating import Orchestra, orchestra
from tests.support.stack import Database, TestNats
from tests.support.waiting import PATIENCE_S

EVERY_MS = 100
NEEDS = {"repository": "https://me:s3cret@host/a.git", "agent": "command", "task_class": "nightly", "ref": "main"}


async def sample(o: Orchestra, holds: Callable[[FleetSample], bool]) -> FleetSample:
    """The first sample of which it holds, among all that were and will be told."""
    subscription = await o.bus.js.subscribe("event.worker.sampled", ordered_consumer=True)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await subscription.next_msg(timeout=PATIENCE_S)
                for event in DECIDED_BATCH.validate_json(message.data).events:
                    told = FleetSample.model_validate(event.data)
                    if holds(told):
                        return told
    finally:
        await subscription.unsubscribe()


async def test_the_fleet_and_the_queue_are_told_also_while_nothing_is_there(
    database: Database, nats_server: TestNats
) -> None:
    async with orchestra(database, nats_server, fleet_sample_ms=EVERY_MS) as o:
        idle = await sample(o, lambda told: told.queue is not None and told.queue.workers_online == 0)
        assert idle.to_dict() == {
            "every_ms": EVERY_MS,
            "queue": {"queued": 0, "assigned": 0, "running": 0, "oldest_queued_ms": 0, "workers_online": 0},
            "workers": [],
        }
        await o.create("nobody can", requirements={"tags": ["moon"]})
        worker = await o.worker("w1", slots=2)
        await o.create("this one can")
        held = await worker.take()
        await worker.beat(held, cpu_percent=12.5, memory_mb=64.0, round_trip_ms=0.5, spool_events=3)
        busy = await sample(o, lambda told: bool(told.workers) and told.workers[0].slots_free == 1)
        assert [one.to_dict() for one in busy.workers] == [
            {"worker_id": "w1", "slots_total": 2, "slots_free": 1, "spool_events": 3}
            | {"cpu_percent": 12.5, "memory_mb": 64.0, "round_trip_ms": 0.5}
        ]
        assert busy.queue is not None
        assert (busy.queue.queued, busy.queue.assigned, busy.queue.workers_online) == (1, 1, 1)
        assert busy.queue.oldest_queued_ms > 0


async def test_what_a_task_is_about_is_told_when_it_is_queued_and_assigned(
    database: Database, nats_server: TestNats
) -> None:
    async with orchestra(database, nats_server) as o:
        keyed = {"priority": "high", "estimated_duration_ms": 5_000, "idempotency_key": "once"}
        full = await o.create("with all", requirements=NEEDS, **keyed)
        bare = await o.create("with nothing", requirements={"task_class": {"not": "a word"}})
        worker = await o.worker(capabilities=["agent:command"])
        taken = {one.task_id: one for one in (await worker.take(), await worker.take())}
        told = [event for event in await o.told("event.task.*", 4) if event.task_id in taken]
        assert sorted(event.kind for event in told) == [DecidedKind.task_assigned] * 2 + [DecidedKind.task_queued] * 2
        about = {
            full.task_id: TaskAbout.model_validate(
                {"priority": "high", "estimated_duration_ms": 5_000, "created_at": full.created_at}
                | {"repository": "https://host/a.git", "agent": "command", "task_class": "nightly"}
            ),
            bare.task_id: TaskAbout(created_at=bare.created_at),
        }
        for event in told:
            assert event.data == about[event.task_id or ""].to_dict()
            if event.kind is DecidedKind.task_assigned:
                assert event.occurred_at == taken[event.task_id or ""].assigned_at
