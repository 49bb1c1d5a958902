"""Every worker tool, from an agent's call to its row in PostgreSQL, on real servers, services, worker and sandbox."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from mcp import Client

import orchestrator.settings as orchestrator_settings
import question_broker.settings as questions_settings
import telemetry_ingest.settings as telemetry_settings
from contracts.events import QUESTION_KINDS
from contracts.tasks import CollaborationTerms
from orchestrator import app as orchestrator
from question_broker import app as questions
from telemetry_ingest import app as telemetry
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.other_side import OtherSide
from tests.support.running import running_service
from tests.support.sandbox import SandboxServer, running_sandbox
from tests.support.stack import Database, TestNats
from tests.support.tool_examples import AGENT, ASKING, FULL_CALL, KIND_OF_TOOL, MINIMAL_CALL, PLANNED, SAVED
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, agent_client, worker_process
from worker_agent.mcp.tools import BY_NAME

ROOMS = (
    (orchestrator, orchestrator_settings),
    (telemetry, telemetry_settings),
    (questions, questions_settings),
)
LAST = ("report_completion", "end_session")
REQUEST = """
INSERT INTO questions (question_id, kind, state, worker_id, task_id, attempt, question, question_type, options,
                       priority, asked_at)
VALUES ('q-9', 'collaboration_request', 'open', 'worker-2', 'task-2', 1, 'look', 'code_review', '[]', 'medium', now())
"""
"""A request of another worker that this one answers."""
HELP = CollaborationTerms(question_id="q-9", collaboration_type="code_review", from_worker="worker-2")

Results = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with running_sandbox() as server:
        yield server


@pytest.fixture
async def api(stack_env: StackEnv) -> AsyncGenerator[httpx.AsyncClient]:
    """The orchestrator's API, with the services that keep what workers say beside it."""
    async with AsyncExitStack() as stack:
        found: list[httpx.AsyncClient] = []
        for room, settings in ROOMS:
            env = {name.lower(): value for name, value in stack_env(room.SCHEMA).items()}
            service = running_service(
                room.create_app, settings.Settings.model_validate(env), room.MIGRATIONS, room.SCHEMA
            )
            found.append(await stack.enter_async_context(service))
        yield found[0]


@pytest.fixture
async def worker(
    api: httpx.AsyncClient, tmp_path: Path, nats_server: TestNats, sandbox: SandboxServer
) -> AsyncGenerator[WorkerProcess]:
    with worker_process(tmp_path, nats_server, sandbox, COMPLETION_LINGER_MS="600000") as made:
        await made.ready()
        yield made


async def begin(api: httpx.AsyncClient, nats: TestNats) -> str:
    """A task of the orchestrator's, and beside it one that answers another worker; the id of the first."""
    body = {"description": "do it", "requirements": {"agent": "command", "command": AGENT}}
    task_id = (await api.post("/v1/tasks", json=body)).json()["task_id"]
    async with a_bus(nats) as bus:
        await OtherSide(bus).assign("task-help", collaboration=HELP, agent="command", command=AGENT)
    return task_id


async def call_all(client: Client, task_id: str, names: list[str]) -> Results:
    """Call each tool with full and with minimal arguments; what each answers."""
    results: Results = []
    question_id = ""
    for name in names:
        for prepared in (*PLANNED.get(name, []), *SAVED.get(name, [])):
            await client.call_tool("save_checkpoint" if name in SAVED else "report_plan", _own(prepared, task_id))
        for arguments in (FULL_CALL[name], MINIMAL_CALL[name]):
            asked = {"question_id": question_id} if name == "get_answer" else {}
            result = await client.call_tool(name, _own(arguments, task_id) | asked)
            assert not result.is_error, (name, result.content)
            question_id = (result.structured_content or {}).get("question_id", question_id)
            results.append((name, result.structured_content or {}))
    return results


def _own(arguments: dict[str, Any], task_id: str) -> dict[str, Any]:
    return arguments | ({"task_id": task_id} if "task_id" in arguments else {})


async def test_every_tool_with_full_and_minimal_arguments_arrives_in_its_row(
    api: httpx.AsyncClient, worker: WorkerProcess, nats_server: TestNats, database: Database
) -> None:
    broker = await asyncpg.connect(database.dsn("questions", owner=True))
    log = await asyncpg.connect(database.dsn("telemetry", owner=True))
    try:
        await broker.execute(REQUEST)
        task_id = await begin(api, nats_server)
        names = [name for name in BY_NAME if name not in {*LAST, "respond_to_collaboration"}]
        async with agent_client(worker, "task-help") as client:
            responses = await call_all(client, "task-help", ["respond_to_collaboration"])
        async with agent_client(worker, task_id) as client:
            results = await call_all(client, task_id, [*names, *LAST])
        assert len(results) + len(responses) == 2 * 38
        await _are_in_the_log(log, results)
        await _are_asked(broker, results)
        await _are_held(broker, responses)
        await _are_learned(broker, results)
    finally:
        await broker.close()
        await log.close()


async def _are_in_the_log(log: asyncpg.Connection, results: Results) -> None:
    reported = {said["event_id"]: name for name, said in results if _is_logged(name)}
    queried = Counter(name for name, _ in results if name not in KIND_OF_TOOL)

    async def missing() -> tuple[list[str], Counter[str]]:
        rows = await log.fetch("SELECT event_id::text AS id, kind, evidence, body FROM events")
        kinds = {row["id"]: row["kind"] for row in rows if row["evidence"] == "reported"}
        seen = await log.fetch(
            "SELECT body->>'tool_name' AS tool FROM events WHERE kind = 'tool_call' AND evidence = 'observed'"
        )
        lost = [name for event_id, name in reported.items() if kinds.get(event_id) != KIND_OF_TOOL[name]]
        return lost, queried - Counter(row["tool"] for row in seen)

    async def complete() -> bool:
        return await missing() == ([], Counter())

    try:
        await eventually(complete)
    except AssertionError as error:
        raise AssertionError(f"not in the log: {await missing()}") from error


async def _are_asked(broker: asyncpg.Connection, results: Results) -> None:
    asked = {said["question_id"]: KIND_OF_TOOL[name] for name, said in results if name in ASKING}
    assert len(asked) == 6

    async def kept() -> bool:
        rows = await broker.fetch("SELECT question_id, kind FROM questions")
        return asked.items() <= {row["question_id"]: row["kind"] for row in rows}.items()

    await eventually(kept)


async def _are_held(broker: asyncpg.Connection, responses: Results) -> None:
    expected = {said["event_id"] for _, said in responses}

    async def held() -> bool:
        return expected <= {row["event_id"] for row in await broker.fetch("SELECT event_id FROM held_responses")}

    await eventually(held)


async def _are_learned(broker: asyncpg.Connection, results: Results) -> None:
    expected = {f"learning-{said['event_id']}" for name, said in results if name == "share_learning"}

    async def learned() -> bool:
        return expected <= {row["learning_id"] for row in await broker.fetch("SELECT learning_id FROM learnings")}

    await eventually(learned)


def _is_logged(name: str) -> bool:
    return name in KIND_OF_TOOL and KIND_OF_TOOL[name] not in QUESTION_KINDS
