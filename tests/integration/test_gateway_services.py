"""A whole task over MCP on the real services: assigned, watched, asked about, verified; only the worker is by hand."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from mcp.types import ElicitResult

from contracts.batches import ANSWER_BATCH
from contracts.commands import CommandAction
from contracts.events import Evidence
from contracts.questions import Answer
from contracts.tasks import Assignment
from servicekit.bus import Bus
from servicekit.ids import new_id
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.fleet import HandWorker
from tests.support.gateway import ERAS, client
from tests.support.stack import TestNats
from tests.support.views import example_outcome
from tests.support.waiting import eventually
from tests.support.whole_gateway import whole_gateway


@pytest.fixture
async def bus(nats_server: TestNats) -> AsyncGenerator[Bus]:
    async with a_bus(nats_server) as connected:
        yield connected


@pytest.fixture
async def url(stack_env: StackEnv) -> AsyncGenerator[str]:
    async with whole_gateway(stack_env) as found:
        yield found


class Caller:
    """Calls tools. A call must succeed; with `refused` it must not, and gives the text and the problem's code."""

    def __init__(self, url: str, era: str) -> None:
        self.url, self.era = url, era

    async def __call__(self, tool: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
        async with client(self.url, self.era) as manager:
            result = await manager.call_tool(tool, arguments)
        text = getattr(result.content[0], "text", "")
        assert not result.is_error, text
        return text, result.structured_content

    async def refused(self, tool: str, **arguments: Any) -> tuple[str, str]:
        async with client(self.url, self.era) as manager:
            result = await manager.call_tool(tool, arguments)
        assert result.is_error
        return getattr(result.content[0], "text", ""), (result.meta or {})["mews/problem"]["code"]


@pytest.fixture(params=ERAS)
def call(url: str, request: pytest.FixtureRequest) -> Caller:
    return Caller(url, request.param)


@pytest.fixture
async def worker(call: Caller, bus: Bus) -> HandWorker:
    """A worker that the gateway shows."""
    made = await HandWorker(bus, "worker-1", capabilities=["agent:auditor"]).start()

    async def shown() -> bool:
        return bool((await call("manage_workers", action="list"))[1]["workers"])

    await eventually(shown)
    await made.beat()
    return made


async def report_everything(worker: HandWorker, held: Assignment) -> None:
    body = {"phase": "implementation", "metrics": {"percent_complete": 65, "current_operation": "Rotating tokens"}}
    await worker.progress(held, "executing", body=body)
    await worker.producer.send(
        worker.event("milestone", {"milestone_name": "JWT done", "milestone_type": "feature_implemented"}, held),
        worker.event("stream", {"stream_type": "thinking", "content": "Considering rotation"}, held),
        worker.event("stream", {"stream_type": "output", "content": "12 passed"}, held),
        worker.event(
            "analytics",
            {"analytics_type": "quality", "data": {"test_coverage": 92}},
            held,
            evidence=Evidence.observed,
        ),
    )


async def until(
    call: Caller, holds: Callable[[dict[str, Any]], object], **arguments: Any
) -> tuple[str, dict[str, Any]]:
    """What monitor_task says, once `holds` does of its structure."""

    async def found() -> tuple[str, dict[str, Any]] | None:
        text, report = await call("monitor_task", **arguments)
        return (text, report) if holds(report) else None

    answer = await eventually(found)
    assert answer is not None
    return answer


@pytest.mark.timeout(180)
async def test_a_task_is_assigned_watched_and_verified(call: Caller, worker: HandWorker) -> None:
    made = (await call("assign_task", description="Add JWT", priority="high", idempotency_key="once"))[1]
    again = (await call("assign_task", description="Add JWT", priority="high", idempotency_key="once"))[1]
    assert again["task_id"] == made["task_id"]
    _, code = await call.refused("assign_task", description="Another", idempotency_key="once")
    assert code == "idempotency_conflict"
    held = await worker.take()
    assert (held.task_id, held.description) == (made["task_id"], "Add JWT")

    await report_everything(worker, held)
    asked = {"task_id": held.task_id, "include_streams": True, "include_analytics": True}
    text, report = await until(
        call,
        lambda found: found["status"] == "executing" and len(found["streams"]) == 2 and found.get("analytics"),
        **asked,
    )
    assert report["notes"] == []
    assert text.startswith(f"Task {held.task_id} Monitoring:\nStatus: executing\nProgress: 65%\nPhase: implementation")
    assert "  - JWT done (feature_implemented)" in text
    assert "Recent Streams (last 2):\n  [thinking] Considering rotation\n  [output] 12 passed" in text
    assert '"test_coverage": 92' in text
    assert "analytics: quality observed" in text

    outcome = example_outcome().to_dict()
    await worker.end(held, **{name: outcome[name] for name in ("claimed", "observed", "verified")})
    text, report = await until(call, lambda found: found["state"] == "completed", **asked)
    assert "Status: completed\nProgress: 100%" in text
    assert "verified: passed (2 of 2 commands exited with 0)" in text

    _, shown = await call("view_realtime_streams", task_id=held.task_id, stream_types=["milestone", "thinking"])
    assert [entry["kind"] for entry in shown["entries"]] == ["milestone", "stream"]
    table, listed = await call("list_tasks", status="completed")
    assert [task["task_id"] for task in listed["tasks"]] == [held.task_id]
    assert held.task_id in table


@pytest.mark.timeout(180)
async def test_a_question_comes_and_its_answer_goes_back(call: Caller, worker: HandWorker, bus: Bus) -> None:
    heard: list[Answer] = []

    async def hear(message: Any) -> None:
        heard.extend(ANSWER_BATCH.validate_json(message.data).events)

    await bus.subscribe_core("worker.answer.worker-1", hear)
    await call("assign_task", description="Choose")
    held = await worker.take()
    await worker.progress(held)
    body = {"question": "Which framework?", "question_type": "technical", "options": ["a", "b"]}
    question_id = new_id("q")
    now = datetime.now(UTC)  # noqa: TID251
    await worker.producer.send(worker.event("question", body, held, question_id=question_id, occurred_at=now))
    text, _ = await until(call, lambda found: found["questions"], task_id=held.task_id)
    assert f"{question_id} (technical, medium, open): Which framework?" in text

    await call("answer_worker_question", question_id=question_id, answer="b", additional_context="see the ADR")
    await eventually(lambda: heard)
    assert (heard[0].answer, heard[0].additional_context, heard[0].answered_by) == ("b", "see the ADR", "local")
    _, code = await call.refused("answer_worker_question", question_id=question_id, answer="a")
    assert code == "question_closed"
    assert (await call("list_questions"))[1]["questions"] == []

    request = {"resource_type": "compute", "amount_needed": "2 cores", "wait": False}
    request_id = new_id("q")
    asked = worker.event("resource_request", request, held, question_id=request_id, occurred_at=now)
    await worker.producer.send(asked)
    await until(call, lambda found: found["questions"], task_id=held.task_id)
    text, _ = await call("decide_request", question_id=request_id, decision="trimmed", amount_granted="1 core")
    assert "Decision: trimmed: 1 core (local)" in text
    await eventually(lambda: heard[1:])
    assert (heard[1].decision and heard[1].decision.amount_granted) == "1 core"
    _, code = await call.refused("decide_request", question_id=question_id, decision="granted")
    assert code == "not_a_request"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("call", ["2026-07-28"], indirect=True)
async def test_a_manager_is_told_what_changes_and_asked_what_a_worker_asks(
    call: Caller, worker: HandWorker, bus: Bus
) -> None:
    heard: list[str] = []
    answers: list[Answer] = []
    made = (await call("assign_task", description="Choose"))[1]
    task, streams = f"mews://tasks/{made['task_id']}", f"mews://tasks/{made['task_id']}/streams"

    async def listen() -> None:
        named = [task, streams, "mews://questions"]
        async with client(call.url, call.era) as manager, manager.listen(resource_subscriptions=named) as stream:
            async for event in stream:
                heard.append(getattr(event, "uri", ""))

    async def hear(message: Any) -> None:
        answers.extend(ANSWER_BATCH.validate_json(message.data).events)

    async def person(_: Any, __: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"answer": "b"})

    await bus.subscribe_core("worker.answer.worker-1", hear)
    listening = asyncio.create_task(listen())
    held = await worker.take()
    await worker.progress(held)
    await eventually(lambda: {task, streams} <= {*heard})
    async with client(call.url, call.era, elicitation_callback=person) as manager:
        following = asyncio.create_task(manager.call_tool("monitor_task", {"task_id": held.task_id, "wait": True}))
        heard.clear()
        body = {"question": "Which framework?", "question_type": "technical", "options": ["a", "b"]}
        now = datetime.now(UTC)  # noqa: TID251
        asked = worker.event("question", body, held, question_id=new_id("q"), occurred_at=now)
        await worker.producer.send(asked)
        await eventually(lambda: answers)
        await eventually(lambda: {task, "mews://questions"} <= {*heard})
        await worker.end(held)
        report = (await following).structured_content
    assert (answers[0].answer, answers[0].answered_by) == ("b", "local")
    assert report is not None
    assert (report["state"], report["notes"]) == ("completed", [])
    text = (await call("list_questions"))[0]
    assert text == "No questions."
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


@pytest.mark.timeout(180)
async def test_the_fleet_and_its_tasks_are_steered(call: Caller, worker: HandWorker) -> None:
    made = (await call("assign_task", description="Long"))[1]
    held = await worker.take()
    await worker.progress(held)
    _, sent = await call("manage_workers", action="pause", worker_id="worker-1", reason="maintenance")
    command = await worker.commanded(lambda found: found.action is CommandAction.pause)
    assert (command.command_id, command.issued_by) == (sent["command"]["command_id"], "local")

    await call("cancel_task", task_id=made["task_id"], reason="not needed")
    command = await worker.commanded(lambda found: found.action is CommandAction.cancel)
    assert command.task_id == held.task_id
    await worker.end(held, "cancelled")
    text, _ = await until(call, lambda found: found["state"] == "cancelled", task_id=held.task_id)
    assert "cancelled by local: not needed" in text
    assert (await call("retry_task", task_id=held.task_id))[1]["status"] == "queued"


@pytest.mark.timeout(180)
async def test_what_the_services_refuse_is_told(call: Caller) -> None:
    text, _ = await call.refused("list_tasks", cursor="garbage")
    assert "cursor" in text
    for tool, arguments in (
        ("monitor_task", {"task_id": "task-x"}),
        ("cancel_task", {"task_id": "task-x"}),
        ("retry_task", {"task_id": "task-x"}),
        ("view_realtime_streams", {"task_id": "task-x"}),
        ("manage_workers", {"action": "drain", "worker_id": "nobody"}),
        ("answer_worker_question", {"question_id": "q-x", "answer": "a"}),
    ):
        text, code = await call.refused(tool, **arguments)
        assert code == "not_found"
        assert "shows the" in text
