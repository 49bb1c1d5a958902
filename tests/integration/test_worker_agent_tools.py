"""The fifteen tools of the worker, called by a real MCP client, on their way to the bus."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from mcp import Client, MCPError, StdioServerParameters

from tests.support.examples import FULL, MINIMAL
from tests.support.sandbox import SandboxServer, running_sandbox
from tests.support.stack import TestNats, run
from tests.support.waiting import eventually
from tests.support.worker_agent import (
    OtherSide,
    WorkerProcess,
    agent_client,
    declare,
    journal_of,
    mcp_client,
    mcp_url,
    other_side,
    worker_process,
)

TASK = "task-123"
KIND_OF_TOOL = {
    "report_progress": "progress",
    "report_milestone": "milestone",
    "report_analytics": "analytics",
    "stream_realtime_data": "stream",
    "report_decision": "decision",
    "report_plan": "plan",
    "report_test_results": "tests",
    "report_code_quality": "quality",
    "report_resource_usage": "resource",
    "report_performance_profile": "profile",
    "ask_manager": "question",
    "request_resources": "resource_request",
    "collaborate_with_worker": "collaboration_request",
    "report_error": "error",
    "report_completion": "completion",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with running_sandbox() as server:
        yield server


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestNats]:
    server = TestNats(tmp_path_factory.mktemp("nats"))
    server.start()
    run(declare(server))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, nats: TestNats, sandbox: SandboxServer) -> Iterator[WorkerProcess]:
    with worker_process(tmp_path_factory.mktemp("worker"), nats, sandbox) as made:
        run(made.ready())
        run(_assign(nats))
        yield made


async def _assign(nats: TestNats) -> None:
    async with other_side(nats) as side:
        await side.assign(TASK, agent="command", command="echo up; sleep 600")
        await side.first("stream", TASK)


@pytest.fixture
async def side(nats: TestNats) -> AsyncIterator[OtherSide]:
    async with other_side(nats) as made:
        yield made


async def call(worker: WorkerProcess, name: str, arguments: dict[str, Any], era: str = "auto") -> Any:
    async with agent_client(worker, TASK, era) as client:
        return await client.call_tool(name, arguments)


def text(result: Any) -> str:
    return result.content[0].text


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_every_tool_is_listed_with_a_strict_schema_and_annotations(worker: WorkerProcess, era: str) -> None:
    async with agent_client(worker, TASK, era) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == set(KIND_OF_TOOL)
    for tool in tools.values():
        assert tool.input_schema["additionalProperties"] is False
        assert "task_id" in tool.input_schema["properties"]
        assert tool.output_schema is not None
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is False


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("name", KIND_OF_TOOL)
async def test_a_report_arrives_on_the_bus_as_it_was_given(
    worker: WorkerProcess, side: OtherSide, name: str, era: str
) -> None:
    kind = KIND_OF_TOOL[name]
    arguments = FULL[kind] | ({"wait": False} if name == "ask_manager" else {})
    result = await call(worker, name, arguments, era)
    assert not result.is_error, text(result)
    said = result.structured_content
    event = await side.event(said["event_id"])
    assert said["ok"] is True
    assert (event.kind, event.seq, event.attempt, event.evidence) == (kind, said["seq"], 1, "reported")
    assert event.body.to_dict() == type(event.body).model_validate(arguments).to_dict()
    if "question_id" in said:
        assert event.question_id == said["question_id"]


@pytest.mark.parametrize("name", [name for name, kind in KIND_OF_TOOL.items() if kind in MINIMAL])
async def test_the_least_that_a_tool_takes_is_enough(worker: WorkerProcess, name: str) -> None:
    arguments = MINIMAL[KIND_OF_TOOL[name]] | ({"wait": False} if name == "ask_manager" else {})
    assert not (await call(worker, name, arguments)).is_error


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("report_progress", {"status": "x", "colour": "red"}, ["colour: unknown parameter (given red)", "phase"]),
        ("report_progress", {"status": "x", "metrics": {"percent": 3}}, ["metrics.percent:", "percent_complete"]),
        ("report_progress", {"status": "x", "metrics": {"percent_complete": 101}}, ["given 101", "less than or equal"]),
        ("report_progress", {}, ["status: required"]),
        ("report_milestone", {"milestone_name": "a", "milestone_type": "b", "impact": "huge"},
         ["impact: given huge; allowed: critical, high, medium, low"]),
        ("stream_realtime_data", {"stream_type": "dreaming", "content": "x"}, ["given dreaming", "thinking, planning"]),
        ("stream_realtime_data", {"content": "x"}, ["stream_type: required", "allowed: thinking"]),
        ("report_plan", {"plan_type": "overall", "steps": [{"description": "a", "status": "odd"}]},
         ["steps.0.status: given odd; allowed: pending"]),
        ("ask_manager", {"question": "", "question_type": "technical"}, ["question: given", "at least 1 character"]),
        ("report_progress", {"task_id": "task-other", "status": "x"}, ["task_id: given 'task-other'", TASK]),
        ("report_error", {"error_type": "a", "message": "b\x00"}, ["message:", "NUL"]),
    ],
)  # fmt: skip
async def test_a_wrong_argument_is_named_with_what_is_allowed(
    worker: WorkerProcess, name: str, arguments: dict[str, Any], words: list[str]
) -> None:
    result = await call(worker, name, arguments)
    assert result.is_error
    for word in words:
        assert word in text(result)


async def test_a_report_that_is_too_large_is_refused_with_the_limit(worker: WorkerProcess, side: OtherSide) -> None:
    data = {"rows": ["x" * 1000] * 600}
    result = await call(worker, "report_analytics", {"analytics_type": "code", "data": data})
    assert result.is_error
    assert "at most 524288 bytes" in text(result)
    assert not (await call(worker, "report_progress", {"status": "going on"})).is_error


async def test_an_unknown_tool_is_a_protocol_error_that_lists_the_tools(worker: WorkerProcess) -> None:
    async with agent_client(worker, TASK) as client:
        with pytest.raises(MCPError, match="report_progress"):
            await client.call_tool("report_everything", {})


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_without_the_token_of_a_running_attempt_nobody_gets_in(worker: WorkerProcess, token: str) -> None:
    async with httpx.AsyncClient() as http:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await http.post(mcp_url(worker), json={}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_token_of_an_ended_attempt_is_worth_nothing(worker: WorkerProcess, side: OtherSide) -> None:
    await side.assign("task-ended", agent="command", command="true")
    await side.outcome("task-ended")
    token = journal_of(worker, "task-ended")["token"]
    async with httpx.AsyncClient() as http:
        answer = await http.post(mcp_url(worker), json={}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


@pytest.mark.parametrize(("header", "value", "status"), [("Host", "evil.example", 421), ("Origin", "http://evil", 403)])
async def test_a_page_of_another_site_cannot_call(worker: WorkerProcess, header: str, value: str, status: int) -> None:
    token = journal_of(worker, TASK)["token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream", header: value}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    async with httpx.AsyncClient() as http:
        assert (await http.post(mcp_url(worker), json=body, headers=headers)).status_code == status


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_a_question_waits_for_its_answer_and_shows_that_it_waits(
    worker: WorkerProcess, side: OtherSide, era: str
) -> None:
    heard: list[str | None] = []

    async def progress(_done: float, _total: float | None, message: str | None) -> None:
        heard.append(message)

    question = {"question": f"Which one, {era}?", "question_type": "technical", "options": ["a", "b"]}
    async with agent_client(worker, TASK, era) as client:
        asking = asyncio.create_task(client.call_tool("ask_manager", question, progress_callback=progress))
        event = await eventually(
            lambda: next((e for e in side.of("question") if e.body.question == question["question"]), None), within=15
        )
        assert event.body.options == ["a", "b"]
        await side.answer(event, "b")
        result = await asyncio.wait_for(asking, 10)
    assert text(result) == "The manager answered: b"
    assert result.structured_content["state"] == "answered"
    assert heard[0] == "waiting for the manager's answer"


async def test_without_an_answer_the_agent_is_told_how_to_go_on(worker: WorkerProcess) -> None:
    question = {"question": "Now?", "question_type": "priority", "deadline_ms": 1000, "default_answer": "later"}
    result = await call(worker, "ask_manager", question)
    assert text(result) == "No answer came in time. Take the default, 'later', and go on."
    assert (result.structured_content["state"], result.is_error) == ("no_answer", False)


async def test_the_same_tools_are_there_over_stdio(worker: WorkerProcess, side: OtherSide) -> None:
    env = {"MEWS_MCP_URL": mcp_url(worker), "MEWS_MCP_TOKEN": journal_of(worker, TASK)["token"]}
    server = StdioServerParameters(command=sys.executable, args=["-m", "worker_agent", "mcp-stdio"], env=env)
    async with Client(server) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == set(KIND_OF_TOOL)
        result = await client.call_tool("report_milestone", {"milestone_name": "by stdio", "milestone_type": "x"})
        wrong = await client.call_tool("report_milestone", {"milestone_name": "by stdio"})
    assert wrong.is_error
    assert result.structured_content is not None
    assert (await side.event(result.structured_content["event_id"])).body.milestone_name == "by stdio"


async def test_stdio_says_what_it_misses() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("MEWS_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "worker_agent", "mcp-stdio", env=env, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"MEWS_MCP_URL and MEWS_MCP_TOKEN" in errors


async def test_many_agents_at_once_lose_nothing(worker: WorkerProcess, side: OtherSide) -> None:
    token = journal_of(worker, TASK)["token"]

    async def report(number: int) -> str:
        async with mcp_client(mcp_url(worker), token, "2026-07-28") as client:
            result = await client.call_tool("report_error", {"error_type": "load", "message": str(number)})
        assert result.structured_content is not None
        return result.structured_content["event_id"]

    reported = await asyncio.gather(*(report(number) for number in range(30)))
    assert len({(await side.event(event_id)).seq for event_id in reported}) == len(reported)
