"""The tools of the worker, called by a real MCP client, on their way to the bus."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from mcp import Client, MCPError, StdioServerParameters

from contracts.commands import CommandAction
from contracts.tasks import CollaborationTerms
from tests.support.other_side import OtherSide, other_side
from tests.support.rpc_services import rpc_services
from tests.support.stack import TestNats, run
from tests.support.tool_examples import AGENT, ASKING, FULL_CALL, KIND_OF_TOOL, MINIMAL_CALL, PLANNED, SAVED, TASK
from tests.support.waiting import eventually
from tests.support.worker_agent import Bench, WorkerProcess, agent_client, journal_of, mcp_client, mcp_url, worker_bench
from worker_agent.mcp.tools import BY_NAME

HELP = CollaborationTerms(question_id="q-9", collaboration_type="code_review", from_worker="worker-2")
REPORTS = [name for name in BY_NAME if name in KIND_OF_TOOL]
QUERIES = [name for name in BY_NAME if name not in KIND_OF_TOOL]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with worker_bench(tmp_path_factory.mktemp("bench"), COMPLETION_LINGER_MS="600000") as made:
        run(_assign(made.nats))
        yield made


async def _assign(nats: TestNats) -> None:
    async with other_side(nats) as side:
        await side.assign(TASK, collaboration=HELP, agent="command", command=AGENT)
        await side.first("stream", TASK)


@pytest.fixture
def worker(bench: Bench) -> WorkerProcess:
    return bench.worker


@pytest.fixture
async def side(bench: Bench) -> AsyncIterator[OtherSide]:
    async with other_side(bench.nats) as made:
        yield made


async def call(worker: WorkerProcess, name: str, arguments: dict[str, Any], era: str = "auto") -> Any:
    async with agent_client(worker, TASK, era) as client:
        for plan in PLANNED.get(name, []):
            await client.call_tool("report_plan", plan)
        for checkpoint in SAVED.get(name, []):
            await client.call_tool("save_checkpoint", checkpoint)
        return await client.call_tool(name, arguments)


async def stay(side: OtherSide) -> None:
    """Have the worker stay, after it was told to leave."""
    await side.beat(lambda beat: beat["draining"])
    await side.command(CommandAction.resume)
    await side.beat(lambda beat: not beat["draining"])


def text(result: Any) -> str:
    return result.content[0].text


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_every_tool_is_listed_with_a_strict_schema_and_annotations(worker: WorkerProcess, era: str) -> None:
    async with agent_client(worker, TASK, era) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(tools) == list(BY_NAME)
    for tool in tools.values():
        assert tool.input_schema["additionalProperties"] is False
        assert "task_id" in tool.input_schema["properties"]
        assert tool.output_schema is not None
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is BY_NAME[tool.name].reads


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("name", REPORTS)
async def test_a_report_arrives_on_the_bus_as_it_was_given(
    worker: WorkerProcess, side: OtherSide, name: str, era: str
) -> None:
    arguments = FULL_CALL[name]
    result = await call(worker, name, arguments, era)
    assert not result.is_error, text(result)
    said = result.structured_content
    event = await side.event(said["event_id"])
    assert said["ok"] is True
    assert (event.kind, event.seq, event.attempt, event.evidence) == (KIND_OF_TOOL[name], said["seq"], 1, "reported")
    # What is kept in the object store is left out of the event.
    kept = {"data": {}} if name == "save_checkpoint" else {}
    assert event.body.to_dict() == type(event.body).model_validate(arguments).to_dict() | kept
    if name in ASKING:
        assert event.question_id == said["question_id"]
    if name == "end_session":
        await stay(side)


@pytest.mark.parametrize("name", REPORTS)
async def test_the_least_that_a_report_takes_is_enough(worker: WorkerProcess, side: OtherSide, name: str) -> None:
    result = await call(worker, name, MINIMAL_CALL[name])
    assert not result.is_error, text(result)
    if name == "end_session":
        await stay(side)


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_is_answered_and_seen_by_the_manager(bench: Bench, side: OtherSide, name: str, era: str) -> None:
    seen = {event.event_id for event in side.of("tool_call")}
    async with rpc_services(bench.nats):
        for arguments in (FULL_CALL[name], MINIMAL_CALL[name]):
            result = await call(bench.worker, name, arguments, era)
            assert not result.is_error, text(result)

    def calls() -> list[Any]:
        return [e for e in side.of("tool_call") if e.body.tool_name == name and e.event_id not in seen]

    await eventually(lambda: len(calls()) == 2)
    assert {(event.evidence, event.body.status) for event in calls()} == {("observed", "completed")}


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
        ("report_tool_call", {"tool_name": "bash", "status": "odd"},
         ["given odd; allowed: started, completed, failed"]),
        ("update_plan_step", {"step_id": "1", "status": "done"},
         ["given done; allowed: pending, in_progress, completed, skipped, failed"]),
        ("report_security_scan", {"scanner": "x", "findings": [{"message": "m", "severity": "bad"}]},
         ["findings.0.severity: given bad; allowed: critical, high, medium, low, info"]),
        ("report_code_change", {"description": "d", "files": [{"file_path": "a", "change": "moved"}]},
         ["given moved; allowed: created, modified, deleted, renamed"]),
        ("report_blocker", {"blocker_type": "b", "description": "d", "severity": "worst"},
         ["given worst; allowed: critical, high, medium, low"]),
        ("request_resources", {"resource_type": "money", "amount_needed": "1"},
         ["given money; allowed: compute, storage, api_quota, tool_access, dependency"]),
        ("collaborate_with_worker", {"collaboration_type": "chat", "task_description": "t"},
         ["given chat; allowed: code_review, pair_programming, testing, debugging, consultation"]),
        ("respond_to_collaboration", {"question_id": "q-9", "status": "maybe"},
         ["given maybe; allowed: accepted, declined, completed"]),
        ("list_workers", {"status": "asleep"}, ["given asleep; allowed: online, paused, draining, offline"]),
        ("get_answer", {"question_id": "q-1", "wait_ms": 600_001}, ["wait_ms: given 600001", "less than or equal"]),
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


async def test_the_same_tools_are_there_over_stdio(worker: WorkerProcess, side: OtherSide) -> None:
    env = {"MEWS_MCP_URL": mcp_url(worker), "MEWS_MCP_TOKEN": journal_of(worker, TASK)["token"]}
    server = StdioServerParameters(command=sys.executable, args=["-m", "worker_agent", "mcp-stdio"], env=env)
    async with Client(server) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == list(BY_NAME)
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
