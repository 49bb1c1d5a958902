"""What workers are told over the bus: their task, who else is there, and what they would be given next."""

from base64 import b64decode
from collections.abc import AsyncGenerator
from os import urandom
from typing import Any

import pytest

from contracts import subjects
from contracts.rpc import RPCS, NextTask
from contracts.streams import CHECKPOINTS, TASKS
from orchestrator.store.briefs import MOST_LINES
from servicekit.bus.objects import PART_BYTES, Objects
from servicekit.bus.rpc import RpcError, call
from servicekit.clock import SystemClock
from tests.support.orchestrating import Orchestra, orchestra
from tests.support.stack import Database, TestNats


@pytest.fixture
async def o(database: Database, nats_server: TestNats) -> AsyncGenerator[Orchestra]:
    async with orchestra(database, nats_server) as it:
        yield it


async def ask(o: Orchestra, verb: str, worker_id: str = "w1", **asked: Any) -> Any:
    request = RPCS[verb].request.model_validate(asked)
    answer = await call(o.bus, subjects.rpc("orchestrator", verb, worker_id), request.to_json())
    return RPCS[verb].answer.model_validate_json(answer)


async def next_of(o: Orchestra, worker_id: str = "w1") -> NextTask:
    return NextTask.model_validate_json((await o.bus.request(subjects.next_task(worker_id), b"")).data)


async def test_a_worker_reads_its_task_without_the_values_of_its_environment(o: Orchestra) -> None:
    worker = await o.worker()
    requirements = {"env": {"TOKEN": "s3cret"}, "verify": ["make test"], "own": {"a": 1}}
    task = await o.create("do it", requirements=requirements, max_attempts=2)
    await worker.end(await worker.take(), "failed", reason="first")
    await worker.progress(await worker.take(), body={"phase": "p"})
    await o.reaches(task.task_id, "running")
    brief = await ask(o, "get_task", task_id=task.task_id)
    assert (brief.description, brief.status, brief.attempt, brief.max_attempts) == ("do it", "running", 2, 2)
    assert brief.requirements == requirements | {"env": {"TOKEN": "********"}}
    assert [(one.attempt, one.reason) for one in brief.attempts] == [(1, "first")]
    assert brief.progress is not None
    assert brief.progress.phase == "p"


async def test_a_task_of_others_is_not_found_and_says_why(o: Orchestra) -> None:
    task = await o.create()
    for task_id in (task.task_id, "task-none"):
        with pytest.raises(RpcError, match="a worker reads the tasks that it has or had an attempt of") as refused:
            await ask(o, "get_task", task_id=task_id)
        assert refused.value.code == "task_not_found"
    with pytest.raises(RpcError, match="task_id: is required"):
        await ask(o, "get_task")


async def test_workers_are_found_by_what_they_can_do(o: Orchestra) -> None:
    await o.worker("a", slots=1, tags=["gpu", "linux"], capabilities=["agent:claude"])
    await o.worker("b", tags=["linux"], capabilities=["agent:claude", "agent:auditor"])
    await o.worker("c", tags=["linux"])
    await o.client.post("/v1/workers/c/commands", json={"action": "pause"})

    async def found(**filters: Any) -> list[str]:
        return [one.worker_id for one in (await ask(o, "list_workers", **filters)).workers]

    assert await found() == ["a", "b", "c"]
    assert await found(tags=["linux", "gpu"]) == ["a"]
    assert await found(capabilities=["agent:claude"]) == ["a", "b"]
    assert await found(status="paused") == ["c"]
    assert await found(free_only=True) == ["a", "b"]
    task = await o.create(worker_id="a")
    await o.reaches(task.task_id, "assigned")
    assert await found(free_only=True) == ["b"]
    first = await ask(o, "list_workers", limit=2)
    assert [(one.worker_id, one.slots_total, one.slots_free) for one in first.workers] == [("a", 1, 0), ("b", 3, 3)]
    rest = await ask(o, "list_workers", limit=2, cursor=first.next_cursor)
    assert ([one.worker_id for one in rest.workers], rest.next_cursor) == (["c"], None)
    with pytest.raises(RpcError, match="cursor") as refused:
        await ask(o, "list_workers", cursor="nonsense")
    assert refused.value.code == "invalid_cursor"


async def test_a_worker_is_told_what_it_would_be_given_next(o: Orchestra) -> None:
    worker = await o.worker(slots=1, tags=["linux"])
    assert (await next_of(o)).reason == "nothing is queued"
    await o.create()
    first = await worker.take()
    await o.create("not for it", requirements={"tags": ["gpu"]}, priority="critical")
    only_others = await next_of(o)
    assert (only_others.task_id, only_others.queued, only_others.queued_for_worker) == (None, 1, 0)
    assert only_others.reason == "no queued task fits: worker w1 lacks tag gpu"
    await o.create("later", priority="low")
    soon = await o.create("sooner", requirements={"tags": ["linux"], "env": {"T": "s"}}, priority="high")
    hint = await next_of(o)
    assert (hint.task_id, hint.description, hint.priority) == (soon.task_id, "sooner", "high")
    assert hint.requirements["env"] == {"T": "********"}
    assert (hint.queued, hint.queued_for_worker, hint.slots_free) == (3, 2, 0)
    assert hint.reason == "it waits for a free slot: worker w1 has none"
    await worker.end(first)
    assert (await worker.take()).task_id == soon.task_id


async def test_a_worker_that_takes_no_work_is_told_so(o: Orchestra) -> None:
    await o.worker()
    await o.client.post("/v1/workers/w1/commands", json={"action": "drain"})
    await o.create()
    hint = await next_of(o)
    assert (hint.task_id, hint.reason, hint.queued, hint.queued_for_worker) == (None, "worker w1 is draining", 1, 1)
    assert (await next_of(o, "w9")).reason == "no worker w9 is known"


async def test_one_task_is_paused_and_resumed_by_the_word_of_its_worker(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create()
    queued = await o.client.post("/v1/tasks/task-none/pause")
    assert (queued.status_code, queued.json()["code"]) == (404, "task_not_found")
    assignment = await worker.take()
    await worker.progress(assignment)
    await o.reaches(task.task_id, "running")
    for action, status, says in (("pause", "running", "paused"), ("resume", "paused", "executing")):
        answer = await o.client.post(f"/v1/tasks/{task.task_id}/{action}")
        assert answer.status_code == 202
        command = await worker.commanded(lambda one, wanted=action: one.action == wanted)
        assert (command.task_id, command.attempt) == (task.task_id, 1)
        assert command.command_id == answer.json()["command_id"]
        assert (await o.task(task.task_id)).status == status
        await worker.progress(assignment, says, evidence="observed")
        await o.reaches(task.task_id, "paused" if says == "paused" else "running")
    assert (await o.worker_view()).status == "online"


@pytest.mark.parametrize("action", ["pause", "resume"])
async def test_a_task_that_no_worker_has_cannot_be_steered(o: Orchestra, action: str) -> None:
    task = await o.create()
    refused = await o.client.post(f"/v1/tasks/{task.task_id}/{action}")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_steerable")
    assert f"can be told to {action}" in refused.json()["detail"]


async def test_of_a_queue_with_very_many_lines_the_first_are_looked_at(o: Orchestra) -> None:
    await o.worker()
    tasks = [{"description": "x", "requirements": {"tags": [f"t{n}"]}} for n in range(MOST_LINES + 50)]
    await o.client.post("/v1/tasks/batch", json={"tasks": tasks})
    assert (await next_of(o)).queued == MOST_LINES


async def test_a_workers_consumers_are_made_when_it_asks_and_stay_as_they_are(o: Orchestra) -> None:
    for _ in range(2):
        made = await ask(o, "open_mailbox", "w-new")
        assert (made.tasks, made.commands) == ("w-new", "w-new")
        config = (await o.bus.js.consumer_info(TASKS, "w-new")).config
        assert config.filter_subject == subjects.task("w-new")


async def test_the_worker_that_has_the_task_now_is_given_what_an_earlier_attempt_saved(o: Orchestra) -> None:
    first, second = await o.worker("w1", tags=["busy"]), await o.worker("w2", tags=["idle"])
    task = await o.create(max_attempts=2, requirements={"tags": ["busy"]})
    objects, content = Objects(o.bus), urandom(PART_BYTES + 10)
    await objects.put(CHECKPOINTS, "w1", subjects.object_key(task.task_id, 1, "latest"), content, "x")
    asked = {"task_id": task.task_id, "name": "latest"}
    await first.end(await first.take(), "failed", reason="first")
    await first.take()
    found = await ask(o, "find_checkpoint", "w1", attempt=2, **asked)
    assert (found.saved_by_attempt, found.parts, found.size_bytes) == (1, 2, len(content))
    wanted = asked | {"attempt": 2, "saved_by_attempt": 1, "slot": found.slot}
    parts = [await ask(o, "read_checkpoint", "w1", part=part, **wanted) for part in range(2)]
    assert b"".join(b64decode(part.content_base64) for part in parts) == content
    assert (await ask(o, "find_checkpoint", "w1", attempt=2, **asked | {"name": "other"})).saved_by_attempt is None
    with pytest.raises(RpcError) as gone:
        await ask(o, "read_checkpoint", "w1", part=2, **wanted)
    assert gone.value.code == "checkpoint_gone"
    for worker_id, attempt in ((second.worker_id, 2), ("w1", 1), ("w1", 3)):
        with pytest.raises(RpcError) as refused:
            await ask(o, "find_checkpoint", worker_id, attempt=attempt, **asked)
        assert refused.value.code == "attempt_not_held"


async def test_a_worker_is_told_the_time_of_the_orchestrator(o: Orchestra) -> None:
    before = SystemClock().now()
    assert before <= (await ask(o, "get_time")).now <= SystemClock().now()
