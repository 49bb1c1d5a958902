"""Workers: registered, heard, missed, replaced, commanded, chosen."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from contracts import subjects
from tests.support.fleet import HandWorker
from tests.support.orchestrating import Orchestra, orchestra, outlast
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually


@pytest.fixture
async def o(database: Database, nats_server: TestNats) -> AsyncGenerator[Orchestra]:
    async with orchestra(database, nats_server) as it:
        yield it


async def becomes(o: Orchestra, worker_id: str, status: str) -> None:
    async def it_is() -> bool:
        return (await o.worker_view(worker_id)).status == status

    await eventually(it_is)


async def command(o: Orchestra, worker_id: str, **body: Any) -> dict[str, Any]:
    answer = await o.client.post(f"/v1/workers/{worker_id}/commands", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def test_a_worker_that_introduces_itself_is_shown(o: Orchestra) -> None:
    await o.worker(
        "w1",
        slots=4,
        worker_type="gpu-box",
        tags=["gpu", "linux"],
        capabilities=["agent:auditor"],
        system_info={"cpus": 8},
        version="1.2",
    )
    view = await o.worker_view("w1")
    assert (view.status, view.worker_type, view.hostname, view.version) == ("online", "gpu-box", "test", "1.2")
    assert (view.tags, view.capabilities, view.system_info) == (["gpu", "linux"], ["agent:auditor"], {"cpus": 8})
    assert (view.slots_total, view.slots_free, view.running) == (4, 4, [])


async def test_workers_are_listed_by_id_and_by_status(o: Orchestra) -> None:
    for worker_id in ("b", "a", "c"):
        await o.worker(worker_id)
    await command(o, "b", action="pause")
    first = (await o.client.get("/v1/workers", params={"limit": 2})).json()
    assert [one["worker_id"] for one in first["items"]] == ["a", "b"]
    rest = (await o.client.get("/v1/workers", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [one["worker_id"] for one in rest["items"]] == ["c"]
    paused = (await o.client.get("/v1/workers", params={"status": "paused"})).json()
    assert [one["worker_id"] for one in paused["items"]] == ["b"]


async def test_heartbeats_are_shown(o: Orchestra) -> None:
    worker = await o.worker()
    await worker.beat(cpu_percent=37.5, memory_mb=512.0, round_trip_ms=1.25)

    async def shown() -> bool:
        view = await o.worker_view()
        return (view.cpu_percent, view.memory_mb, view.round_trip_ms) == (37.5, 512.0, 1.25)

    await eventually(shown)


async def test_a_silent_worker_is_offline_until_it_is_heard_again(database: Database, nats_server: TestNats) -> None:
    async with orchestra(database, nats_server, offline_after_ms=400) as o:
        worker = await o.worker()
        await becomes(o, "w1", "offline")
        assert (await o.worker_view()).reason == "no heartbeat"
        task = await o.create()
        assert (await o.when(task.task_id, lambda view: view.reason is not None)).reason == "no worker is online"
        async with worker.alive():
            await becomes(o, "w1", "online")
            assert (await worker.take()).task_id == task.task_id


async def test_a_worker_that_registers_twice_is_the_later_one_and_the_earlier_is_told_to_leave(o: Orchestra) -> None:
    older = await o.worker(slots=2)
    newer = await o.worker(slots=5)
    assert (await o.worker_view()).slots_total == 5

    await older.beat(cpu_percent=99.0)
    told = await older.commanded(lambda one: one.action == "drain")
    assert told.config == {"incarnation": older.incarnation}
    assert newer.incarnation in (told.reason or "")
    await newer.beat(cpu_percent=1.0)

    async def heard() -> bool:
        return (await o.worker_view()).cpu_percent == 1.0

    await eventually(heard)
    assert (await o.worker_view()).status == "online"
    workers = await o.sql("SELECT incarnation, former FROM workers")
    assert [(row["incarnation"], row["former"]) for row in workers] == [(newer.incarnation, [older.incarnation])]


async def test_a_worker_that_comes_back_within_its_lease_keeps_its_attempt(o: Orchestra) -> None:
    before = await o.worker()
    task = await o.create()
    assignment = await before.take()
    after = await o.worker()
    await after.beat(assignment)
    await after.end(assignment)
    done = await o.reaches(task.task_id, "completed")
    assert [one.state for one in done.attempts] == ["completed"]


async def test_slots_are_counted_from_attempts_and_never_overbooked(o: Orchestra) -> None:
    worker = await o.worker(slots=2)
    await worker.beat(slots_free=2)
    tasks = [await o.create() for _ in range(5)]
    first = [await worker.take(), await worker.take()]
    await worker.beat(slots_free=2)
    assert await worker.has_nothing()
    assert (await o.worker_view()).slots_free == 0
    assert {one.task_id for one in first} == {task.task_id for task in tasks[:2]}
    await worker.end(first[0])
    assert (await worker.take()).task_id == tasks[2].task_id
    assert await worker.has_nothing()


async def test_the_more_urgent_task_goes_first(o: Orchestra) -> None:
    low = await o.create(priority="low")
    critical = await o.create(priority="critical")
    worker = await o.worker(slots=1)
    first = await worker.take()
    await worker.end(first)
    assert [first.task_id, (await worker.take()).task_id] == [critical.task_id, low.task_id]


async def test_a_task_goes_only_where_its_demands_are_met(o: Orchestra) -> None:
    plain = await o.worker("plain", slots=10)
    gpu = await o.worker("gpu", slots=10, tags=["gpu"], capabilities=["agent:claude"])
    for fields in (
        {"worker_id": "gpu"},
        {"requirements": {"tags": ["gpu"]}},
        {"requirements": {"agent": "claude"}},
        {"requirements": {"capabilities": ["agent:claude"]}},
    ):
        task = await o.create(**fields)
        assert (await gpu.take()).task_id == task.task_id
    assert await plain.has_nothing()


async def test_a_task_that_no_worker_can_take_says_why_until_one_comes(o: Orchestra) -> None:
    async def reason(**fields: Any) -> str:
        task = await o.create(**fields)
        return (await o.when(task.task_id, lambda view: view.reason is not None)).reason or ""

    assert await reason() == "no worker is online"
    await o.worker("w1", tags=["linux"])
    assert await reason(requirements={"tags": ["gpu"]}) == "no worker has tag gpu; 1 worker online"
    assert await reason(worker_id="w7") == "no worker w7 is known"
    waiting = await o.create(requirements={"agent": "codex"})
    told = await o.when(waiting.task_id, lambda view: view.reason is not None)
    assert told.reason == "no worker has capability agent:codex; 1 worker online"
    worker = await o.worker("w2", capabilities=["agent:codex"])
    assert (await worker.take()).task_id == waiting.task_id
    assert (await o.task(waiting.task_id)).reason is None


async def test_tasks_that_nobody_can_take_do_not_hold_up_the_others(o: Orchestra) -> None:
    body = {"tasks": [{"description": "x", "priority": "critical", "requirements": {"tags": ["gpu"]}}] * 700}
    assert (await o.client.post("/v1/tasks/batch", json=body)).status_code == 200
    possible = await o.create(priority="low")
    worker = await o.worker()
    assert (await worker.take()).task_id == possible.task_id


async def test_work_goes_where_the_workspace_is_warm(o: Orchestra) -> None:
    workers = {worker_id: await o.worker(worker_id, slots=10) for worker_id in ("w1", "w2", "w3")}
    first = await o.create(requirements={"repository": "https://example.org/a.git"})
    warm = (await o.when(first.task_id, lambda view: view.assigned_worker is not None)).assigned_worker or ""
    await workers[warm].end(await workers[warm].take())
    await o.reaches(first.task_id, "completed")

    await outlast(1)
    for _ in range(4):
        task = await o.create(requirements={"repository": "https://example.org/a.git"})
        chosen = await o.when(task.task_id, lambda view: view.assigned_worker is not None)
        assert chosen.assigned_worker == warm


async def test_a_paused_worker_gets_nothing_until_it_is_resumed(o: Orchestra) -> None:
    worker = await o.worker()
    issued = await command(o, "w1", action="pause", reason="maintenance")
    told = await worker.commanded()
    assert (told.action, told.command_id, told.reason) == ("pause", issued["command_id"], "maintenance")
    assert (await o.worker_view()).status == "paused"
    task = await o.create()
    why = await o.when(task.task_id, lambda view: view.reason is not None)
    assert why.reason == "1 worker would fit, but none takes work: w1 is paused"
    await worker.beat()
    await worker.beat(paused=True)
    assert await worker.has_nothing()

    await command(o, "w1", action="resume")
    assert (await worker.commanded()).action == "resume"
    assert (await worker.take()).task_id == task.task_id


async def test_a_worker_that_says_it_drains_gets_nothing(o: Orchestra) -> None:
    worker = await o.worker()
    await worker.beat(draining=True)
    await becomes(o, "w1", "draining")
    await o.create()
    assert await worker.has_nothing()


async def test_a_new_configuration_counts_at_once(o: Orchestra) -> None:
    worker = await o.worker(slots=1)
    await command(o, "w1", action="update_config", config={"max_concurrent_tasks": 2, "tags": ["big"]})
    told = await worker.commanded()
    assert told.config == {"max_concurrent_tasks": 2, "tags": ["big"]}
    for _ in range(2):
        await o.create(requirements={"tags": ["big"]})
        await worker.take()
    view = await o.worker_view()
    assert (view.slots_total, view.tags) == (2, ["big"])


async def test_a_command_that_says_nothing_or_nonsense_is_refused(o: Orchestra) -> None:
    await o.worker()
    answer = await o.client.post("/v1/workers/w1/commands", json={"action": "update_config"})
    assert (answer.status_code, answer.json()["code"]) == (422, "config_missing")
    answer = await o.client.post("/v1/workers/w1/commands", json={"action": "explode"})
    assert "pause" in answer.json()["errors"][0]["allowed"]


async def test_the_tasks_of_a_worker_that_leaves_move_at_once_and_cost_no_attempt(o: Orchestra) -> None:
    leaving = await o.worker("leaving")
    begun, untouched = await o.create(max_attempts=1), await o.create(max_attempts=1)
    await leaving.progress(await leaving.take())
    await leaving.take()
    await o.reaches(begun.task_id, "running")
    staying = await o.worker("staying")

    answer = await o.bus.request(subjects.end_session("leaving"), b'{"reason": "drained"}')
    assert answer.data == b'{"moved":2}'
    assert (await o.worker_view("leaving")).status == "offline"
    moved = {(await staying.take()).task_id, (await staying.take()).task_id}
    assert moved == {begun.task_id, untouched.task_id}
    assert [one.state for one in (await o.task(begun.task_id)).attempts] == ["lost", "assigned"]
    assert [one.state for one in (await o.task(untouched.task_id)).attempts] == ["refused", "assigned"]
    await staying.end(staying.held[0])
    await o.reaches(staying.held[0].task_id, "completed")


async def test_a_replaced_process_cannot_end_its_successors_session(o: Orchestra) -> None:
    older = await o.worker()
    newer = await o.worker()
    task = await o.create()
    await newer.take()
    answer = await o.bus.request(subjects.end_session("w1"), b'{"incarnation": "%b"}' % older.incarnation.encode())
    assert answer.data == b'{"moved":0}'
    assert (await o.task(task.task_id)).status == "assigned"
    assert (await o.worker_view()).status == "online"


async def test_domain_events_tell_of_workers(o: Orchestra) -> None:
    worker: HandWorker = await o.worker()
    await command(o, "w1", action="pause", issued_by="ada")
    await o.bus.request(subjects.end_session("w1"), b"")
    del worker
    found = await o.told("event.worker.*", 3)
    assert [event.kind for event in found] == ["worker.registered", "worker.commanded", "worker.offline"]
    assert found[1].actor == "ada"
