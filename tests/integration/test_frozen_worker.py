"""A worker stands still, its task goes on elsewhere, and it thaws: all that it still does changes nothing.

Real servers, services, sandbox, workers and git remote; what is looked at is what lies in the databases, the object
store and the remote.
"""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from mcp import Client

import orchestrator.settings as orchestrator_settings
import question_broker.settings as questions_settings
import telemetry_ingest.settings as telemetry_settings
from contracts.streams import ARTIFACTS, CHECKPOINTS
from contracts.tasks import TaskView
from orchestrator import app as orchestrator
from question_broker import app as questions
from servicekit.bus.objects import Objects
from telemetry_ingest import app as telemetry
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.orchestrating import FAST
from tests.support.repositories import commit_all, git, new_repository
from tests.support.running import running_service
from tests.support.sandbox import SandboxServer, running_sandbox
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, agent_client, worker_process

pytestmark = pytest.mark.timeout(240)

COMMAND = "echo up; until test -e go; do sleep 0.1; done; cp go code.txt; rm go"
ROOMS = (
    (orchestrator, orchestrator_settings, FAST | {"lease_ms": 5_000}),
    (telemetry, telemetry_settings, {}),
    (questions, questions_settings, {}),
)
EARLY, LATE = "Early plum", "Late plum"
LATE_CALLS: dict[str, dict[str, Any]] = {
    "report_progress": {"status": "executing", "metrics": {"percent_complete": 90}},
    "report_decision": {"decision": "late", "reasoning": "because"},
    "save_checkpoint": {"data": {"by": "late"}},
    "publish_artifact": {"name": "late.txt", "content": "late"},
    "ask_manager": {"question": "Late?", "question_type": "technical", "wait": False},
    "request_resources": {"resource_type": "dependency", "amount_needed": "late", "wait": False},
    "collaborate_with_worker": {"collaboration_type": "testing", "task_description": "late", "wait": False},
    "share_learning": {"title": LATE, "content": "too late"},
    "report_completion": {"status": "completed", "summary": {"overview": "late"}},
}


@dataclass(frozen=True)
class House:
    """All that runs, and where its state lies."""

    api: dict[str, httpx.AsyncClient]
    database: Database
    workers: dict[str, WorkerProcess]
    sandbox: SandboxServer

    async def task(self, task_id: str) -> TaskView:
        answer = await self.api["orchestrator"].get(f"/v1/tasks/{task_id}")
        return TaskView.model_validate_json(answer.content)

    async def at_work(self, task_id: str, attempt: int) -> TaskView:
        """The task, once its agent works in this attempt."""

        async def found() -> TaskView | None:
            view = await self.task(task_id)
            return view if (view.attempt, view.status) in ((attempt, "running"), (attempt, "waiting")) else None

        view = await eventually(found, within=60)
        assert view is not None
        return view

    async def sql(self, schema: str, statement: str, *values: Any) -> list[asyncpg.Record]:
        conn = await asyncpg.connect(self.database.dsn(schema, owner=True))
        try:
            return await conn.fetch(statement, *values)
        finally:
            await conn.close()

    def let_go(self, task_id: str, attempt: int, text: str) -> None:
        """Let the agent of an attempt leave its result."""
        tree = self.sandbox.root / f"{task_id}.{attempt}" / "tree"
        (tree / ".new").write_text(f"{text}\n")
        (tree / ".new").rename(tree / "go")


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with running_sandbox() as server:
        yield server


@pytest.fixture
async def house(
    stack_env: StackEnv, database: Database, nats_server: TestNats, sandbox: SandboxServer, tmp_path: Path
) -> AsyncGenerator[House]:
    async with AsyncExitStack() as stack:
        api: dict[str, httpx.AsyncClient] = {}
        for room, settings, more in ROOMS:
            env = {name.lower(): value for name, value in stack_env(room.SCHEMA).items()}
            given = settings.Settings.model_validate(env | more)
            service = running_service(room.create_app, given, room.MIGRATIONS, room.SCHEMA)
            api[room.SERVICE] = await stack.enter_async_context(service)
        workers: dict[str, WorkerProcess] = {}
        for name in ("w-a", "w-b"):
            (tmp_path / name).mkdir()
            process = worker_process(tmp_path / name, nats_server, sandbox, WORKER_ID=name, MAX_CONCURRENT_TASKS="2")
            workers[name] = stack.enter_context(process)
        for worker in workers.values():
            await worker.ready()
        yield House(api, database, workers, sandbox)


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository with one commit on main."""
    seed = new_repository(tmp_path / "seed")
    (seed / "code.txt").write_text("zero\n")
    commit_all(seed, "zero")
    git(tmp_path, "clone", "--quiet", "--bare", "seed", "remote.git")
    return tmp_path / "remote.git"


@contextmanager
def standing_still(worker: WorkerProcess) -> Generator[None]:
    """The worker-agent stands still in the block, and knows nothing of it."""
    assert worker.process is not None
    os.kill(worker.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker.process.pid, signal.SIGCONT)


async def called(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.content
    return result.structured_content or {}


async def test_a_worker_that_thaws_after_its_task_went_on_changes_nothing(
    house: House, nats_server: TestNats, remote: Path
) -> None:
    wanted = {"agent": "command", "command": COMMAND, "repository": str(remote), "branch": "work"}
    body = {"description": "do it", "requirements": wanted, "max_attempts": 3}
    task_id = (await house.api["orchestrator"].post("/v1/tasks", json=body)).json()["task_id"]
    first = (await house.at_work(task_id, 1)).assigned_worker or ""
    [second] = set(house.workers) - {first}
    async with a_bus(nats_server) as bus, agent_client(house.workers[first], task_id) as old:
        objects = Objects(bus)
        await called(old, "save_checkpoint", data={"by": 1})
        await called(old, "share_learning", title=EARLY, content="in time")
        early = (await called(old, "ask_manager", question="Which?", question_type="technical", wait=False))[
            "question_id"
        ]
        saved = await objects.find(CHECKPOINTS, first, f"{task_id}/1/latest")
        await eventually(lambda: _asked(house, early))
        with standing_still(house.workers[first]):
            await house.at_work(task_id, 2)
            async with agent_client(house.workers[second], task_id, attempt=2) as new:
                assert (await called(new, "load_checkpoint"))["data"] == {"by": 1}
                assert (await new.call_tool("get_answer", {"question_id": early})).is_error
            answer = await house.api["question-broker"].post(f"/v1/questions/{early}/answer", json={"answer": "this"})
            assert (answer.status_code, answer.json()["code"]) == (409, "question_closed")
            house.let_go(task_id, 2, "second")
            await eventually(lambda: _ended(house, task_id), within=60)
            ended, refs = await house.task(task_id), git(remote, "for-each-ref")
            house.let_go(task_id, 1, "first")
            late = [asyncio.create_task(old.call_tool(name, call)) for name, call in LATE_CALLS.items()]
        await asyncio.gather(*late, return_exceptions=True)
        await eventually(lambda: _has_said_all(house, task_id), within=60)
        assert git(remote, "for-each-ref") == refs
        assert git(remote, "show", "work:code.txt") == "second"
        assert await objects.find(CHECKPOINTS, first, f"{task_id}/1/latest") == saved
        assert await objects.find(ARTIFACTS, first, f"{task_id}/1/late.txt") is None
    assert await house.task(task_id) == ended
    assert (ended.status, ended.attempt, ended.assigned_worker) == ("completed", 2, second)
    await _log_is_right(house, task_id)
    await _attempts_are_right(house, task_id, first, second)
    await _nothing_is_asked_or_learned(house, task_id)


async def _asked(house: House, question_id: str) -> bool:
    return (await house.api["question-broker"].get(f"/v1/questions/{question_id}")).status_code == 200


async def _ended(house: House, task_id: str) -> bool:
    return (await house.task(task_id)).status == "completed"


async def _has_said_all(house: House, task_id: str) -> bool:
    said = "SELECT FROM events WHERE task_id = $1 AND attempt = 1 AND kind = 'outcome'"
    heard = "SELECT FROM attempts WHERE task_id = $1 AND attempt = 1 AND stale_reported"
    return bool(await house.sql("telemetry", said, task_id) and await house.sql("orchestrator", heard, task_id))


async def _log_is_right(house: House, task_id: str) -> None:
    """What came from the first attempt after the second began is stale, and nothing else is."""
    events = await house.sql(
        "telemetry",
        "SELECT attempt, kind, stale, recorded_at FROM events WHERE task_id = $1 ORDER BY recorded_at",
        task_id,
    )
    [begun] = await house.sql(
        "orchestrator", "SELECT assigned_at FROM attempts WHERE task_id = $1 AND attempt = 2", task_id
    )
    expected = [row["attempt"] == 1 and row["recorded_at"] > begun["assigned_at"] for row in events]
    assert [row["stale"] for row in events] == expected
    assert {row["kind"] for row in events if row["stale"]} >= {"outcome"}
    assert {row["kind"] for row in events if row["attempt"] == 1 and not row["stale"]} >= {"checkpoint", "learning"}


async def _attempts_are_right(house: House, task_id: str, first: str, second: str) -> None:
    rows = await house.sql(
        "orchestrator", "SELECT worker_id, state FROM attempts WHERE task_id = $1 ORDER BY attempt", task_id
    )
    assert [(row["worker_id"], row["state"]) for row in rows] == [(first, "lost"), (second, "completed")]
    assert not await house.sql("orchestrator", "SELECT FROM attempts WHERE state IN ('assigned', 'running')")
    [tasks] = await house.sql("orchestrator", "SELECT count(*) AS many FROM tasks")
    # No task was made of the late request for help.
    assert tasks["many"] == 1


async def _nothing_is_asked_or_learned(house: House, task_id: str) -> None:
    asked = await house.sql("questions", "SELECT state, attempt FROM questions WHERE task_id = $1", task_id)
    assert {row["state"] for row in asked} == {"withdrawn"}
    assert {row["attempt"] for row in asked} == {1}
    learned = await house.sql("questions", "SELECT title, stale FROM learnings ORDER BY title")
    assert (EARLY, False) in [(row["title"], row["stale"]) for row in learned]
    assert (LATE, False) not in [(row["title"], row["stale"]) for row in learned]
