"""The task API on real servers: creating, finding, cancelling, trying again."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from contracts.base import Page
from contracts.problems import Problem
from contracts.tasks import TaskView
from tests.support.orchestrating import Orchestra, orchestra
from tests.support.stack import Database, TestNats


@pytest.fixture
async def o(database: Database, nats_server: TestNats) -> AsyncGenerator[Orchestra]:
    async with orchestra(database, nats_server) as it:
        yield it


async def refused(o: Orchestra, path: str, body: Any, status: int) -> Problem:
    answer = await o.client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return Problem.model_validate_json(answer.content)


async def pages(o: Orchestra, **params: Any) -> list[list[str]]:
    found: list[list[str]] = []
    cursor: str | None = None
    while cursor is not None or not found:
        answer = await o.client.get("/v1/tasks", params=params | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        page = Page[TaskView].model_validate_json(answer.content)
        found.append([task.task_id for task in page.items])
        cursor = page.next_cursor
    return found


async def test_a_task_is_assigned_run_and_completed(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create("write a parser", priority="high", requirements={"agent": None, "colour": "blue"})
    assert (task.status, task.priority, task.attempt) == ("queued", "high", 0)

    assignment = await worker.take()
    assert (assignment.task_id, assignment.attempt, assignment.worker_id) == (task.task_id, 1, "w1")
    assert assignment.description == "write a parser"
    assert assignment.requirements.free == {"colour": "blue"}
    assert (await o.task(task.task_id)).status == "assigned"

    await worker.progress(assignment, "testing", body={"phase": "tests", "metrics": {"percent_complete": 40}})
    running = await o.reaches(task.task_id, "running")
    assert running.progress is not None
    assert (running.progress.status, running.progress.phase) == ("testing", "tests")
    assert running.progress.percent_complete == 40
    assert running.attempts[0].state == "running"

    await worker.end(assignment, observed={"agent": "auditor", "exit_code": 0})
    done = await o.reaches(task.task_id, "completed")
    assert done.analytics is not None
    assert done.analytics["observed"]["agent"] == "auditor"
    assert done.completed_at is not None
    assert done.execution_time_ms == 0
    assert [(one.attempt, one.state) for one in done.attempts] == [(1, "completed")]
    assert (await o.worker_view()).tasks_completed == 1
    assert await o.events(task.task_id) == ["task.queued", "task.assigned", "task.running", "task.completed"]


async def test_what_is_created_is_what_is_shown(o: Orchestra) -> None:
    given = {
        "description": "ümläut \\u0000 is text here",
        "priority": "low",
        "worker_id": "w9",
        "requirements": {"tags": ["gpu"], "verify": ["true"], "own": {"deep": [1, 2.5, None, "x"]}},
        "estimated_duration_ms": 7_200_000,
        "max_attempts": 5,
    }
    created = await o.create(**given)
    shown = await o.task(created.task_id)
    assert shown.model_copy(update={"reason": None}) == created
    assert created.requirements.to_dict() == given["requirements"]


async def test_a_repeated_key_returns_the_first_task_and_makes_no_second(o: Orchestra) -> None:
    body = {"description": "once", "idempotency_key": "k1"}
    answers = await asyncio.gather(*(o.client.post("/v1/tasks", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    assert len(await o.sql("SELECT FROM tasks")) == 1


async def test_a_key_that_comes_with_another_body_is_a_conflict(o: Orchestra) -> None:
    first = await o.create("once", idempotency_key="k1")
    problem = await refused(o, "/v1/tasks", {"description": "twice", "idempotency_key": "k1"}, 409)
    assert problem.code == "idempotency_conflict"
    assert first.task_id in problem.detail


async def test_each_task_of_a_batch_is_accepted_or_refused_on_its_own(o: Orchestra) -> None:
    tasks = [
        {"description": "a", "idempotency_key": "k"},
        {"description": "b"},
        {"description": "nul \x00"},
        {"description": "d", "idempotency_key": "k"},
    ]
    answer = await o.client.post("/v1/tasks/batch", json={"tasks": tasks})
    items = answer.json()["items"]
    assert [item.get("description") for item in items] == ["a", "b", None, None]
    assert [item.get("code") for item in items] == [None, None, "invalid_input", "idempotency_conflict"]
    assert items[2]["errors"][0]["field"] == "description"


async def test_many_tasks_at_once_are_all_kept(o: Orchestra) -> None:
    answers = await asyncio.gather(
        *(o.client.post("/v1/tasks/batch", json={"tasks": [{"description": "x"}] * 300}) for _ in range(5))
    )
    ids = [item["task_id"] for answer in answers for item in answer.json()["items"]]
    assert len(set(ids)) == 1_500
    assert (await o.sql("SELECT count(*) FROM tasks"))[0][0] == 1_500


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        ({"description": ""}, "description", None),
        ({"description": "  "}, "description", None),
        ({"description": "x" * 65_537}, "description", None),
        ({"description": "nul \x00"}, "description", None),
        ({"description": "x", "priority": "urgent"}, "priority", ["critical", "high", "medium", "low"]),
        ({"description": "x", "colour": "blue"}, "colour", None),
        ({"description": "x", "max_attempts": 0}, "max_attempts", None),
        ({"description": "x", "worker_id": "no spaces"}, "worker_id", None),
        ({}, "description", None),
    ],
)
async def test_bad_input_is_told_by_its_field(
    o: Orchestra, body: dict[str, Any], field: str, allowed: list[str] | None
) -> None:
    problem = await refused(o, "/v1/tasks", body, 422)
    assert problem.code == "invalid_input"
    assert problem.errors[0].field == field
    if allowed:
        assert problem.errors[0].allowed == allowed
    assert await o.sql("SELECT FROM tasks") == []


async def test_what_does_not_exist_is_not_found(o: Orchestra) -> None:
    for path, code in (("/v1/tasks/task-none", "task_not_found"), ("/v1/workers/none", "worker_not_found")):
        answer = await o.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert (await refused(o, "/v1/tasks/task-none/cancel", {}, 404)).code == "task_not_found"
    assert (await refused(o, "/v1/tasks/task-none/retry", None, 404)).code == "task_not_found"
    assert (await refused(o, "/v1/workers/none/commands", {"action": "pause"}, 404)).code == "worker_not_found"


async def test_tasks_are_paged_newest_first_and_none_is_missed_or_repeated(o: Orchestra) -> None:
    ids = [(await o.create(f"task {number}")).task_id for number in range(7)]
    found = await pages(o, limit=3)
    assert [len(page) for page in found] == [3, 3, 1]
    assert [task_id for page in found for task_id in page] == ids[::-1]


async def test_tasks_are_found_by_state_worker_priority_and_time(o: Orchestra) -> None:
    worker = await o.worker(slots=2)
    done = await o.create("done", priority="high")
    await worker.end(await worker.take())
    await o.reaches(done.task_id, "completed")
    held = await o.create("held")
    await worker.take()
    later = await o.create("later", requirements={"tags": ["none"]})
    cancelled = await o.create("cancelled", requirements={"tags": ["none"]})
    await o.client.post(f"/v1/tasks/{cancelled.task_id}/cancel", json={})

    async def ids(**params: Any) -> list[str]:
        return [task_id for page in await pages(o, limit=1, **params) for task_id in page]

    assert await ids(status="completed") == [done.task_id]
    assert await ids(status=["queued", "cancelled"]) == [cancelled.task_id, later.task_id]
    assert await ids(status=["completed", "queued"]) == [later.task_id, done.task_id]
    assert await ids(worker_id="w1") == [held.task_id, done.task_id]
    assert await ids(priority="high") == [done.task_id]
    assert await ids(since=later.created_at.isoformat()) == [cancelled.task_id, later.task_id]
    assert await ids(status="queued", worker_id="w1") == []


async def test_a_cursor_or_parameter_that_is_not_known_is_refused(o: Orchestra) -> None:
    for params, code in (({"cursor": "nonsense"}, "invalid_cursor"), ({"stauts": "queued"}, "invalid_input")):
        answer = await o.client.get("/v1/tasks", params=params)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    answer = await o.client.get("/v1/tasks", params={"status": "done"})
    assert "completed" in answer.json()["errors"][0]["allowed"]


@pytest.mark.parametrize("path", ["/v1/tasks/ta%00sk", "/v1/workers/a%20b", "/v1/tasks?worker_id=a%00b"])
async def test_an_id_that_can_be_none_is_refused(o: Orchestra, path: str) -> None:
    answer = await o.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_a_queued_task_is_cancelled_at_once_and_a_repeat_is_harmless(o: Orchestra) -> None:
    task = await o.create()
    for _ in range(2):
        answer = await o.client.post(f"/v1/tasks/{task.task_id}/cancel", json={"reason": "no longer wanted"})
        view = TaskView.model_validate_json(answer.content)
        assert (view.status, view.reason) == ("cancelled", "no longer wanted")
    assert await o.events(task.task_id) == ["task.queued", "task.cancelled"]
    worker = await o.worker()
    assert await worker.has_nothing()


async def test_a_completed_task_is_neither_cancelled_nor_retried(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create()
    await worker.end(await worker.take())
    await o.reaches(task.task_id, "completed")
    assert (await refused(o, f"/v1/tasks/{task.task_id}/cancel", {}, 409)).code == "not_cancellable"
    assert (await refused(o, f"/v1/tasks/{task.task_id}/retry", None, 409)).code == "not_retryable"


async def test_a_retried_task_runs_again_with_a_fresh_budget_and_a_higher_attempt(o: Orchestra) -> None:
    worker = await o.worker()
    task = await o.create(max_attempts=1)
    await worker.end(await worker.take(), "failed", reason="broken", observed={"agent": "auditor"})
    failed = await o.reaches(task.task_id, "failed")
    assert failed.reason == "broken"

    answer = await o.client.post(f"/v1/tasks/{task.task_id}/retry")
    assert answer.status_code == 200, answer.text
    again = await worker.take()
    assert (again.task_id, again.attempt) == (task.task_id, 2)
    fresh = await o.task(task.task_id)
    assert (fresh.status, fresh.analytics, fresh.completed_at) == ("assigned", None, None)
    await worker.end(again)
    done = await o.reaches(task.task_id, "completed")
    assert [one.state for one in done.attempts] == ["failed", "completed"]


async def test_the_queue_tells_how_it_stands(o: Orchestra) -> None:
    worker = await o.worker(slots=2)
    first = await o.create()
    await worker.progress(await worker.take())
    await o.reaches(first.task_id, "running")
    await o.create()
    await worker.take()
    waiting = await o.create(requirements={"tags": ["none"]})
    queue = (await o.client.get("/v1/queue")).json()
    assert (queue["queued"], queue["assigned"], queue["running"]) == (1, 1, 1)
    assert (queue["workers_online"], queue["slots_total"], queue["slots_free"]) == (1, 2, 0)
    assert queue["oldest_queued_at"] == waiting.to_dict()["created_at"]
