"""The way of a task through the orchestrator, on real servers, with workers driven by hand."""

from collections.abc import AsyncGenerator

import pytest

from servicekit.bus import Bus
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.orchestrating import Orchestra, orchestra, settings_for
from tests.support.stack import Database, TestNats


@pytest.fixture
async def bus(nats_server: TestNats) -> AsyncGenerator[Bus]:
    async with a_bus(nats_server) as bus:
        yield bus


@pytest.fixture
async def o(stack_env: StackEnv, database: Database, bus: Bus) -> AsyncGenerator[Orchestra]:
    async with orchestra(settings_for(stack_env("orchestrator")), bus, database.dsn("orchestrator")) as it:
        yield it


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
    assert (running.progress.status, running.progress.phase, running.progress.percent_complete) == ("testing", "tests", 40)
    assert running.attempts[0].state == "running"

    await worker.end(assignment, observed={"agent": "auditor", "exit_code": 0})
    done = await o.reaches(task.task_id, "completed")
    assert done.analytics is not None
    assert done.analytics["observed"]["agent"] == "auditor"
    assert done.completed_at is not None
    assert done.execution_time_ms == 0
    assert [(one.attempt, one.state) for one in done.attempts] == [(1, "completed")]
    assert (await o.worker_view()).tasks_completed == 1
