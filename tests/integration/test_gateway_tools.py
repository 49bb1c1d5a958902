"""The manager's tools, called by the official client of both protocol eras, over real HTTP services."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import pytest
from mcp import MCPError
from mcp.types import CallToolResult, TextContent

from contracts.questions import QuestionKind
from contracts.tasks import TaskState
from contracts.workers import FleetView, WorkerStatus
from tests.support.gateway import ERAS, client, gateway
from tests.support.upstreams import World, upstreams
from tests.support.views import (
    completed_task,
    entry,
    example_facts,
    example_outcome,
    example_streams,
    online_worker,
    open_question,
    queued_task,
    running_task,
)

TASK = "task-abc123"


@pytest.fixture
def world() -> World:
    return World()


@dataclass
class Manager:
    """A client of one era. It connects anew for each call, for a client must be left in the task that entered it."""

    url: str
    era: str

    async def call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        async with client(self.url, self.era) as connected:
            return await connected.call_tool(tool, arguments)


@pytest.fixture(params=ERAS)
async def manager(world: World, request: pytest.FixtureRequest) -> AsyncGenerator[Manager]:
    async with upstreams(world) as addresses, gateway(addresses, service_token="between-services") as url:
        yield Manager(url, request.param)


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def answer(manager: Manager, tool: str, **arguments: Any) -> tuple[str, Any]:
    result = await manager.call(tool, arguments)
    assert not result.is_error, text_of(result)
    return text_of(result), result.structured_content


async def refusal(manager: Manager, tool: str, **arguments: Any) -> tuple[str, Any]:
    result = await manager.call(tool, arguments)
    assert result.is_error
    return text_of(result), (result.meta or {})["mews/problem"]


async def test_an_assigned_task_is_queued_as_it_was_given(manager: Manager, world: World) -> None:
    given = {"description": "Audit it", "priority": "high", "requirements": {"verify": "true", "free": ["a"]}}
    text, made = await answer(manager, "assign_task", **given)
    assert made["task_id"] in text
    assert world.tasks[made["task_id"]].requirements.verify == ["true"]
    assert world.tasks[made["task_id"]].requirements.free == {"free": ["a"]}
    assert world.tokens == {"Bearer between-services"}


async def test_a_monitored_task_shows_all_that_the_services_know(manager: Manager, world: World) -> None:
    world.put(running_task())
    world.facts[TASK] = example_facts(outcome=example_outcome().to_dict())
    world.tails[TASK] = [entry("progress", "not a stream"), *example_streams()]
    world.questions["q-1"] = open_question()
    world.questions["q-2"] = open_question("q-2", task_id="task-other")
    text, report = await answer(manager, "monitor_task", task_id=TASK, include_streams=True, include_analytics=True)
    assert text.startswith(f"Task {TASK} Monitoring:\nStatus: executing\nProgress: 65%\nPhase: implementation\n")
    assert [found["stream_type"] for found in report["streams"]] == [
        "thinking",
        "decision",
        "executing",
        "testing",
        "output",
    ]
    assert report["analytics"]["quality"]["test_coverage"] == 92
    assert report["evidence"]["verified"]["passed"] is True
    assert [question["question_id"] for question in report["questions"]] == ["q-1"]
    assert report["notes"] == []


async def test_tasks_are_listed_by_page(manager: Manager, world: World) -> None:
    for number in range(5):
        world.put(queued_task(f"task-{number}"))
    world.put(completed_task("task-done"))
    text, first = await answer(manager, "list_tasks", status=["queued"], limit=3)
    assert [task["task_id"] for task in first["tasks"]] == ["task-4", "task-3", "task-2"]
    assert first["next_cursor"] in text
    _, second = await answer(manager, "list_tasks", status="queued", limit=3, cursor=first["next_cursor"])
    assert [task["task_id"] for task in second["tasks"]] == ["task-1", "task-0"]
    assert "next_cursor" not in second


async def test_a_cancelled_task_says_who_cancelled_it_and_why(manager: Manager, world: World) -> None:
    world.put(running_task())
    text, _ = await answer(manager, "cancel_task", task_id=TASK, reason="wrong branch")
    assert world.tasks[TASK].reason == "cancelled by local: wrong branch"
    assert "cancelled by local: wrong branch" in text
    _, again = await answer(manager, "retry_task", task_id=TASK)
    assert again["status"] == TaskState.queued


async def test_the_services_refusal_reaches_the_caller(manager: Manager, world: World) -> None:
    world.put(completed_task())
    text, problem = await refusal(manager, "cancel_task", task_id=TASK)
    assert text == f"cancel_task: task {TASK} is completed already"
    assert (problem["code"], problem["status"]) == ("not_cancellable", 409)


async def test_workers_are_listed_and_told(manager: Manager, world: World) -> None:
    world.workers = {"worker-1": online_worker(), "worker-2": online_worker("worker-2", status=WorkerStatus.paused)}
    text, fleet = await answer(manager, "manage_workers", action="list")
    assert [worker["worker_id"] for worker in fleet["workers"]] == ["worker-1", "worker-2"]
    assert text.splitlines()[0].split()[:3] == ["WORKER", "STATUS", "SLOTS"]
    assert "fleet" not in fleet
    world.fleet = FleetView(kind="kubernetes", replicas=2)
    assert (await answer(manager, "manage_workers", action="list"))[1]["fleet"]["replicas"] == 2
    _, paused = await answer(manager, "manage_workers", action="list", status="paused")
    assert [worker["worker_id"] for worker in paused["workers"]] == ["worker-2"]
    config = {"max_concurrent_tasks": 2}
    _, sent = await answer(manager, "manage_workers", action="update_config", worker_id="worker-1", config=config)
    assert (sent["command"]["action"], sent["command"]["issued_by"]) == ("update_config", "local")
    assert world.bodies[-1]["config"] == config


async def test_streams_filter_by_stream_type_and_kind_alike(manager: Manager, world: World) -> None:
    world.put(running_task())
    world.tails[TASK] = [*example_streams(), entry("milestone", "JWT done"), entry("progress", "70 %")]
    text, streams = await answer(
        manager, "view_realtime_streams", task_id=TASK, stream_types=["decision", "error", "milestone"], last_n=10
    )
    assert [found["content"] for found in streams["entries"]] == [
        "Chose rotating refresh tokens for security",
        "JWT done",
    ]
    assert "[milestone] JWT done" in text


async def test_a_request_is_decided_and_shown_with_what_it_got(manager: Manager, world: World) -> None:
    kind, asked = QuestionKind.resource_request, "Needs 2 cores (compute)"
    world.questions["q-1"] = open_question(kind=kind, question=asked, question_type="compute", options=[])
    text, _ = await answer(manager, "list_questions", kind="resource_request")
    assert "q-1 (compute, medium, open): Needs 2 cores (compute)" in text
    assert "decide with: decide_request" in text
    given = {"question_id": "q-1", "decision": "trimmed", "amount_granted": "1 core", "reason": "enough"}
    text, decided = await answer(manager, "decide_request", **given)
    assert "Request q-1 of worker-1 is decided." in text
    assert "Decision: trimmed, because: enough (local)" in text
    assert decided["decision"] == {
        "decision": "trimmed",
        "amount_granted": "1 core",
        "reason": "enough",
        "decided_by": "local",
    }
    text, _ = await answer(manager, "list_questions", state="answered")
    assert "decision: trimmed, because: enough (local)" in text


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"decision": "trimmed"}, "amount_granted: trimmed needs the amount"),
        ({"decision": "refused", "amount_granted": "1"}, "amount_granted: refused grants nothing"),
        ({"decision": "doubled"}, "allowed: granted, trimmed, refused"),
    ],
)
async def test_a_decision_that_is_none_is_refused_by_field(
    manager: Manager, arguments: dict[str, Any], hint: str
) -> None:
    text, _ = await refusal(manager, "decide_request", question_id="q-1", **arguments)
    assert hint in text


async def test_a_question_is_answered_once(manager: Manager, world: World) -> None:
    world.questions["q-1"] = open_question()
    text, listed = await answer(manager, "list_questions")
    assert "q-1 (technical, medium, open): Which framework?" in text
    assert [question["question_id"] for question in listed["questions"]] == ["q-1"]
    await answer(manager, "answer_worker_question", question_id="q-1", answer="authlib", additional_context="see #4")
    assert (world.questions["q-1"].answer, world.questions["q-1"].answered_by) == ("authlib", "local")
    _, problem = await refusal(manager, "answer_worker_question", question_id="q-1", answer="passport")
    assert problem["code"] == "question_closed"
    assert (await answer(manager, "list_questions"))[0] == "No questions."


@pytest.mark.parametrize(
    ("tool", "arguments", "hint"),
    [
        ("monitor_task", {"task_id": "task-x"}, "no task task-x; list_tasks shows"),
        ("cancel_task", {"task_id": "task-x"}, "no task task-x; list_tasks shows"),
        ("retry_task", {"task_id": "task-x"}, "no task task-x; list_tasks shows"),
        ("view_realtime_streams", {"task_id": "task-x"}, "no task task-x; list_tasks shows"),
        ("manage_workers", {"action": "pause", "worker_id": "w"}, "no worker w; manage_workers with action list"),
        ("answer_worker_question", {"question_id": "q-x", "answer": "a"}, "no question q-x; list_questions shows"),
        ("decide_request", {"question_id": "q-x", "decision": "granted"}, "no question q-x; list_questions shows"),
    ],
)
async def test_an_unknown_id_is_told_with_where_to_look(
    manager: Manager, tool: str, arguments: dict[str, Any], hint: str
) -> None:
    text, problem = await refusal(manager, tool, **arguments)
    assert hint in text
    assert problem["status"] == 404


@pytest.mark.parametrize(
    ("arguments", "field", "hint"),
    [
        ({"description": "x", "urgency": 1}, "urgency", "allowed: description, priority"),
        ({"description": "x", "priority": "urgent"}, "priority", "allowed: critical, high, medium, low"),
        ({"description": ""}, "description", "must not be empty"),
        ({"description": "x" * 2_000_000}, "description", "at most 65,536 are allowed"),
        ({}, "description", "is required"),
    ],
)
async def test_bad_input_is_told_by_field_and_disturbs_nothing(
    manager: Manager, world: World, arguments: dict[str, Any], field: str, hint: str
) -> None:
    text, problem = await refusal(manager, "assign_task", **arguments)
    assert hint in text
    assert [error["field"] for error in problem["errors"]] == [field]
    assert world.asked == []
    await answer(manager, "assign_task", description="a good one")
    assert len(world.tasks) == 1


async def test_an_unknown_tool_is_a_protocol_error(manager: Manager) -> None:
    async with client(manager.url, manager.era) as connected:
        with pytest.raises(MCPError, match="no tool make_coffee"):
            await connected.call_tool("make_coffee", {})


async def test_resources_show_the_same_as_the_tools(manager: Manager, world: World) -> None:
    world.put(running_task())
    world.workers["worker-1"] = online_worker()
    world.questions["q-1"] = open_question()
    world.tails[TASK] = example_streams()
    async with client(manager.url, manager.era) as connected:
        listed = [resource.uri for resource in (await connected.list_resources()).resources]
        templates = [found.uri_template for found in (await connected.list_resource_templates()).resource_templates]
        assert listed == ["mews://questions"]
        assert templates == ["mews://tasks/{task_id}", "mews://tasks/{task_id}/streams", "mews://workers/{worker_id}"]
        for uri, expected in (
            (f"mews://tasks/{TASK}", '"status": "executing"'),
            (f"mews://tasks/{TASK}/streams", "Considering token refresh strategy"),
            ("mews://workers/worker-1", '"hostname": "host-1"'),
            ("mews://questions", "Which framework?"),
        ):
            (found,) = (await connected.read_resource(uri)).contents
            assert (found.uri, found.mime_type) == (uri, "application/json")
            assert expected in getattr(found, "text", "")


@pytest.mark.parametrize("uri", ["mews://tasks/task-x", "mews://workers/w", "mews://moods", "mews://tasks/a%20b"])
async def test_a_resource_that_there_is_not_is_a_protocol_error(manager: Manager, uri: str) -> None:
    async with client(manager.url, manager.era) as connected:
        with pytest.raises(MCPError, match=r"no task|no worker|no resource|not an id"):
            await connected.read_resource(uri)
