"""A worker-agent from its start to its end: registration, commands, crashes, outages."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from contracts.commands import CommandAction
from contracts.tasks import CollaborationTerms
from tests.support.audit_projects import write_project
from tests.support.other_side import OtherSide, declare
from tests.support.sandbox import SandboxServer
from tests.support.stack import TestNats, run
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, agent_client, journal_of, mcp_client, mcp_url, worker_process

PROJECT = {
    "shop.py": "def total(prices):\n    return sum(price for price in prices if price > 0)\n",
    "test_shop.py": "from shop import total\n\n\ndef test_total():\n    assert total([1, -1, 2]) == 3\n",
}


@pytest.fixture
def nats(nats_server: TestNats) -> TestNats:
    run(declare(nats_server))
    return nats_server


@pytest.fixture
def worker(tmp_path: Path, nats: TestNats, sandbox: SandboxServer) -> Iterator[WorkerProcess]:
    with worker_process(tmp_path, nats, sandbox, MAX_CONCURRENT_TASKS="2") as made:
        run(made.ready())
        yield made


async def test_a_worker_registers_with_the_agents_that_it_has_tried(worker: WorkerProcess, side: OtherSide) -> None:
    registered = (await side.first("registered")).body
    assert {"agent:command", "agent:auditor"} <= set(registered.capabilities)
    beat = await side.beat(lambda beat: beat)
    assert (beat["slots_total"], beat["slots_free"], beat["incarnation"]) == (2, 2, registered.incarnation)


async def test_no_more_attempts_run_than_there_are_slots_and_these_may_change(
    worker: WorkerProcess, side: OtherSide
) -> None:
    up = {"agent": "command", "command": "echo up; sleep 300"}
    await side.command(CommandAction.update_config, config={"max_concurrent_tasks": 1})
    await side.beat(lambda beat: beat["slots_total"] == 1)
    await side.assign("task-1", **up)
    await side.first("stream", "task-1")
    await side.assign("task-2", **up)
    held = await side.beat(lambda beat: len(beat["running"]) == 2)
    assert held["slots_free"] == 0
    assert side.of("progress", "task-2") == []
    await side.command(CommandAction.cancel, task_id="task-1")
    await side.first("stream", "task-2")
    registrations = await eventually(lambda: len(side.of("registered")) == 2 and side.of("registered"))
    assert registrations[-1].body.max_concurrent_tasks == 1


async def test_help_for_another_worker_begins_beside_full_slots(worker: WorkerProcess, side: OtherSide) -> None:
    up = {"agent": "command", "command": "echo up; sleep 300"}
    terms = CollaborationTerms(question_id="q-1", collaboration_type="testing", from_worker="w-asks")
    for task_id in ("task-first", "task-second"):
        await side.assign(task_id, **up)
        await side.first("stream", task_id)
    await side.assign("task-help", collaboration=terms, **up)
    await side.first("stream", "task-help")
    held = await side.beat(lambda beat: len(beat["running"]) == 3)
    assert (held["slots_total"], held["slots_free"]) == (2, 0)


async def test_a_killed_worker_resumes_and_runs_nothing_twice(
    worker: WorkerProcess, side: OtherSide, tmp_path: Path
) -> None:
    marks, go = tmp_path / "marks", tmp_path / "go"
    command = f"echo run >> {marks}; echo one; while [ ! -e {go} ]; do sleep 0.05; done; echo two"
    await side.assign("task-k", agent="command", command=command, verify="true")
    await side.first("stream", "task-k")
    async with agent_client(worker, "task-k") as client:
        await client.call_tool("report_completion", {"status": "completed"})
    url = mcp_url(worker)
    worker.kill()
    worker.start()
    await worker.ready()
    assert mcp_url(worker) == url
    async with agent_client(worker, "task-k") as client:
        result = await client.call_tool("report_progress", {"status": "testing"})
    assert result.structured_content is not None
    assert result.structured_content["seq"] > 1_000_000_000
    go.touch()
    outcome = await side.outcome("task-k")
    assert (outcome.status, outcome.claimed.status, outcome.verified.passed) == ("completed", "completed", True)
    assert marks.read_text() == "run\n"
    assert sorted(event.body.content for event in side.of("stream", "task-k")) == ["one", "two"]


async def test_what_was_reported_while_nats_was_away_arrives_once_and_in_order(
    worker: WorkerProcess, side: OtherSide, nats: TestNats
) -> None:
    await side.assign("task-m", agent="command", command="echo up; sleep 300")
    await side.first("stream", "task-m")
    async with agent_client(worker, "task-m") as client:
        for number in range(150):
            if number == 50:
                nats.kill()
            if number == 100:
                nats.start()
            result = await client.call_tool("report_milestone", {"milestone_name": f"m{number}", "milestone_type": "x"})
            assert not result.is_error, result
    names = await eventually(lambda: len(side.of("milestone")) >= 150 and side.of("milestone"), within=30)
    assert [event.body.milestone_name for event in names] == [f"m{number}" for number in range(150)]
    numbers = [batch.batch for batch in side.batches]
    assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
    await side.command(CommandAction.cancel, task_id="task-m")
    assert (await side.outcome("task-m")).status == "cancelled"


async def test_a_drained_worker_takes_nothing_more_and_says_goodbye(worker: WorkerProcess, side: OtherSide) -> None:
    await side.command(CommandAction.drain)
    await eventually(lambda: side.farewells)
    await side.assign("task-n", agent="command", command="true")
    beat = await side.beat(lambda beat: beat["draining"])
    assert (beat["slots_free"], beat["running"]) == (0, [])
    await side.command(CommandAction.resume)
    assert (await side.outcome("task-n")).status == "completed"


async def test_an_agent_that_runs_on_is_not_turned_away_while_its_worker_starts_again(
    worker: WorkerProcess, side: OtherSide
) -> None:
    await side.assign("task-on", agent="command", command="echo up; sleep 300")
    await side.first("stream", "task-on")
    headers = {"Authorization": f"Bearer {journal_of(worker, 'task-on')['token']}"}
    answers: set[int] = set()
    worker.kill()
    worker.start()
    async with httpx.AsyncClient(timeout=30) as http:

        async def is_let_in() -> bool:
            with suppress(httpx.TransportError):
                answers.add((await http.post(mcp_url(worker), json={}, headers=headers)).status_code)
            return bool(answers)

        await eventually(is_let_in, within=60)
    assert 401 not in answers


async def test_a_restart_is_obeyed_once_and_leaves_agents_running(
    worker: WorkerProcess, side: OtherSide, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    await side.assign("task-o", agent="command", command=f"while [ ! -e {go} ]; do sleep 0.05; done; echo done")
    await eventually(lambda: journal_of(worker, "task-o").get("phase") == "running")
    first = (await side.first("registered")).body.incarnation
    command = await side.command(CommandAction.restart)
    await eventually(lambda: [e for e in side.of("registered") if e.body.incarnation != first], within=60)
    go.touch()
    assert (await side.outcome("task-o")).status == "completed"
    assert [line["action"] for line in worker.logged("command")] == ["restart"]
    assert command.command_id in (worker.data / "worker.json").read_text()


async def test_sigterm_ends_in_order_and_a_later_start_goes_on(
    worker: WorkerProcess, side: OtherSide, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    await side.assign("task-p", agent="command", command=f"echo up; while [ ! -e {go} ]; do sleep 0.05; done")
    await side.first("stream", "task-p")
    assert worker.terminate() == 0
    go.touch()
    worker.start()
    assert (await side.outcome("task-p", within=60)).status == "completed"


async def test_two_workers_never_share_a_folder(worker: WorkerProcess, tmp_path: Path) -> None:
    second = WorkerProcess(worker.env, tmp_path / "second.log", worker.http_port)
    second.start()
    assert second.process is not None
    assert second.process.wait(60) != 0
    assert "give each its own DATA_DIR" in second.log.read_text()


async def test_an_answer_survives_a_restart_of_the_worker(worker: WorkerProcess, side: OtherSide) -> None:
    await side.assign("task-q", agent="command", command="echo up; sleep 300")
    question = {"question": "Which?", "question_type": "technical", "deadline_ms": 60_000}
    async with agent_client(worker, "task-q") as client:
        asked = await client.call_tool("ask_manager", question | {"wait": False})
    assert asked.structured_content is not None
    assert asked.structured_content["state"] == "open"
    event = await side.first("question", "task-q")
    worker.kill()
    await side.answer(event, "this one")
    worker.start()
    await worker.ready()
    async with mcp_client(mcp_url(worker), journal_of(worker, "task-q")["token"]) as client:
        told = await client.call_tool("ask_manager", question)
    assert told.structured_content is not None
    assert told.structured_content["question_id"] == asked.structured_content["question_id"]
    assert told.structured_content["answer"] == "this one"
    await side.command(CommandAction.cancel, task_id="task-q")
    await side.outcome("task-q")


async def test_an_agent_that_stays_after_its_completion_is_ended_and_its_work_counts(
    tmp_path: Path, nats: TestNats, side: OtherSide, sandbox: SandboxServer
) -> None:
    with worker_process(tmp_path, nats, sandbox, COMPLETION_LINGER_MS="300") as worker:
        await worker.ready()
        await side.assign("task-r", agent="command", command="echo up; sleep 300", verify="true")
        async with agent_client(worker, "task-r") as client:
            await client.call_tool("report_completion", {"status": "completed"})
        outcome = await side.outcome("task-r")
    assert (outcome.status, outcome.verified.passed, outcome.observed.signal) == ("completed", True, 15)


async def test_a_full_spool_tells_the_agent_and_takes_reports_again_when_the_bus_is_back(
    tmp_path: Path, nats: TestNats, side: OtherSide, sandbox: SandboxServer
) -> None:
    with worker_process(tmp_path, nats, sandbox, SPOOL_MAX_MB="16") as worker:
        await worker.ready()
        await side.assign("task-u", agent="command", command="echo up; sleep 300")
        await side.first("stream", "task-u")
        async with agent_client(worker, "task-u") as client:
            nats.kill()
            taken: list[str] = []
            while True:
                body = {"analytics_type": "code", "data": {"rows": ["x" * 1000] * 400}}
                result = await client.call_tool("report_analytics", body)
                if result.is_error:
                    break
                taken.append((result.structured_content or {})["event_id"])
            assert "[spool_full]" in result.content[0].text  # pyright: ignore[reportAttributeAccessIssue]
            assert len(taken) > 20
            nats.start()
            await eventually(lambda: {e.event_id for e in side.of("analytics")} >= set(taken), within=30)
            assert not (await client.call_tool("report_progress", {"status": "going on"})).is_error


async def test_the_default_agent_audits_a_project_and_reports_through_the_tools(
    worker: WorkerProcess, side: OtherSide, tmp_path: Path
) -> None:
    project = write_project(tmp_path / "project", PROJECT)
    await side.assign("task-v", repository=str(project))
    first = await eventually(lambda: [e for e in side.events if e.kind in ("question", "outcome")], within=60)
    for question in [event for event in first if event.kind == "question"]:
        await side.answer(question, question.body.default_answer or "go on")
    outcome = await side.outcome("task-v", within=60)
    assert (outcome.status, outcome.observed.agent) == ("completed", "auditor"), outcome
    kinds = {event.kind for event in side.events if event.task_id == "task-v" and event.evidence == "reported"}
    assert {"progress", "plan", "tests", "quality", "completion"} <= kinds
    assert outcome.claimed.summary.tests is not None
