"""An attempt that has lost its task, and has not heard of it: nothing that others build on is changed by it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.questions import QuestionView
from contracts.streams import BUCKETS, CHECKPOINTS
from servicekit.bus.objects import Objects
from tests.support.other_side import WORKER, OtherSide
from tests.support.repositories import commit_all, git, new_repository
from tests.support.rpc_services import QUESTION, rpc_services
from tests.support.sandbox import SandboxServer
from tests.support.stack import TestNats, run
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, agent_client, worker_process

WAIT = "echo up; sleep 600"
OTHER = "worker-2"


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, nats: TestNats, sandbox: SandboxServer) -> Iterator[WorkerProcess]:
    with worker_process(tmp_path_factory.mktemp("worker"), nats, sandbox, MAX_CONCURRENT_TASKS="20") as made:
        run(made.ready())
        yield made


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository with one commit on main."""
    seed = new_repository(tmp_path / "seed")
    (seed / "code.txt").write_text("first\n")
    commit_all(seed, "first")
    git(tmp_path, "clone", "--quiet", "--bare", "seed", "remote.git")
    return tmp_path / "remote.git"


def give_to_other(side: OtherSide, task: str, attempt: int = 2) -> None:
    """The orchestrator has given the task to another worker, and this one has not heard of it."""
    side.assigned[task][attempt] = OTHER


def said(result: Any) -> str:
    return result.content[0].text


async def test_the_result_of_a_lost_attempt_is_kept_and_not_pushed(
    worker: WorkerProcess, sandbox: SandboxServer, side: OtherSide, remote: Path
) -> None:
    command = "echo up; until test -e go; do sleep 0.05; done; echo late > code.txt"
    await side.assign("task-lost", agent="command", command=command, repository=str(remote), branch="work")
    await side.first("stream", "task-lost")
    give_to_other(side, "task-lost")
    let_go(sandbox, "task-lost.1")
    outcome = await side.outcome("task-lost")
    assert (outcome.status, outcome.reason) == ("failed", "the task has gone on without this attempt")
    assert git(remote, "branch", "--list", "work") == ""
    [kept] = [event for event in side.of("artifact", "task-lost") if event.body.name == "result.bundle"]
    assert (kept.attempt, kept.stored.key) == (1, "task-lost/1/result.bundle")


def let_go(sandbox: SandboxServer, workspace: str) -> None:
    """Let the agent go on to its end."""
    (sandbox.root / workspace / "tree" / "go").touch()


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("save_checkpoint", {"data": {"by": "late"}}),
        ("publish_artifact", {"name": "report.txt", "content": "late"}),
    ],
)
async def test_an_agent_without_its_task_can_keep_nothing_and_is_ended(
    worker: WorkerProcess, side: OtherSide, tool: str, arguments: dict[str, Any]
) -> None:
    task = f"task-{tool.replace('_', '-')}"
    await side.assign(task, agent="command", command=WAIT)
    async with agent_client(worker, task) as client:
        assert not (await client.call_tool(tool, arguments)).is_error
        give_to_other(side, task)
        refused = await client.call_tool(tool, arguments)
    assert "[attempt_lost]" in said(refused)
    assert (await side.outcome(task)).reason == "the task has gone on without this attempt"
    kind = "checkpoint" if tool == "save_checkpoint" else "artifact"
    assert len(side.of(kind, task)) == 1


async def test_what_an_older_attempt_saves_after_the_task_was_given_on_is_not_loaded(
    worker: WorkerProcess, side: OtherSide
) -> None:
    objects, bucket = Objects(side.bus), next(one for one in BUCKETS if one.name == CHECKPOINTS.name)
    await side.assign("task-on", agent="command", command=WAIT, worker_id=OTHER)
    await side.assign("task-on", 2, agent="command", command=WAIT)
    # As the older worker does whose question whether it may was answered just before it stood still.
    await objects.put(bucket, OTHER, "task-on/1/latest", b"late", "application/gzip")
    async with agent_client(worker, "task-on", attempt=2) as client:
        loaded = await client.call_tool("load_checkpoint", {})
    assert not loaded.is_error, said(loaded)
    assert (loaded.structured_content or {})["found"] is False


async def test_while_the_orchestrator_is_away_a_checkpoint_is_kept_and_a_push_waits(
    worker: WorkerProcess, sandbox: SandboxServer, side: OtherSide, remote: Path
) -> None:
    side.silent = True
    command = "echo up; until test -e go; do sleep 0.05; done; echo late > code.txt"
    await side.assign("task-away", agent="command", command=command, repository=str(remote), branch="away")
    await side.first("stream", "task-away")
    async with agent_client(worker, "task-away") as client:
        assert not (await client.call_tool("save_checkpoint", {"data": {"by": 1}})).is_error
    let_go(sandbox, "task-away.1")
    await eventually(lambda: worker.logged("attempt_not_confirmed"))
    assert git(remote, "branch", "--list", "away") == ""
    side.silent = False
    assert (await side.outcome("task-away")).observed.pushed is True
    assert git(remote, "show", "away:code.txt") == "late"


async def test_the_answer_to_a_question_of_another_task_is_not_told(
    worker: WorkerProcess, nats: TestNats, side: OtherSide
) -> None:
    await side.assign("task-asks", agent="command", command=WAIT)

    async def answer(_request: dict[str, Any]) -> bytes:
        told = QUESTION | {"state": "answered", "answer": "secret", "worker_id": WORKER, "task_id": "task-of-others"}
        return QuestionView.model_validate(told).to_json()

    async with rpc_services(nats) as services, agent_client(worker, "task-asks") as client:
        services.instead["get_answer"] = answer
        refused = await client.call_tool("get_answer", {"question_id": "q-1"})
    assert refused.is_error
    assert "is no question of task-asks" in said(refused)
    assert "secret" not in said(refused)
