"""A worker asks another for help: orchestrator and question-broker together, each at any moment away."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.questions import QuestionView
from contracts.tasks import Assignment
from servicekit.ids import new_id
from tests.conftest import StackEnv
from tests.support.fleet import HandWorker
from tests.support.orchestrating import Orchestra, orchestra
from tests.support.questioning import Broker, a_broker
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)
BODY = {"collaboration_type": "debugging", "task_description": "Find the leak"}


@pytest.fixture
async def o(database: Database, nats_server: TestNats) -> AsyncGenerator[Orchestra]:
    async with orchestra(database, nats_server) as it:
        yield it


async def at_work(o: Orchestra, worker_id: str = "asker") -> tuple[HandWorker, Assignment]:
    worker = await o.worker(worker_id)
    task = await o.create()
    held = await worker.take()
    await worker.progress(held)
    await o.reaches(task.task_id, "running")
    return worker, held


async def ask(worker: HandWorker, held: Assignment, **body: Any) -> str:
    question_id = new_id("q")
    now = datetime.now(UTC)  # noqa: TID251
    event = worker.event("collaboration_request", BODY | body, held, question_id=question_id, occurred_at=now)
    await worker.producer.send(event)
    return question_id


async def closed(broker: Broker, question_id: str) -> QuestionView:
    async def found() -> QuestionView | None:
        answer = await broker.client.get(f"/v1/questions/{question_id}")
        view = QuestionView.model_validate_json(answer.content) if answer.status_code == 200 else None
        return view if view and view.state != "open" else None

    view = await eventually(found)
    assert view is not None
    return view


async def test_help_is_asked_given_and_returned_though_the_broker_is_away_meanwhile(
    o: Orchestra, stack_env: StackEnv, nats_server: TestNats
) -> None:
    asker, held = await at_work(o)
    async with a_broker(stack_env("questions"), nats_server):
        question_id = await ask(asker, held)
        helper = await o.worker("helper")
        taken = await helper.take()
        assert (taken.collaboration and taken.collaboration.question_id) == question_id
        await o.reaches(held.task_id, "waiting")
    said = {"question_id": question_id, "status": "completed", "response": "found it", "findings": ["a.py:3"]}
    await helper.producer.send(helper.event("collaboration_response", said, taken))
    async with a_broker(stack_env("questions"), nats_server) as broker:
        view = await closed(broker, question_id)
        assert (view.answer, view.findings, view.answered_by) == ("found it", ["a.py:3"], "helper")
        assert (view.linked_task_id, view.helper_worker) == (taken.task_id, "helper")
        await o.reaches(held.task_id, "running")
        await helper.end(taken)
        await o.reaches(taken.task_id, "completed")


async def test_a_helper_that_ends_without_a_response_has_its_own_account_told(
    o: Orchestra, stack_env: StackEnv, nats_server: TestNats
) -> None:
    asker, held = await at_work(o)
    async with a_broker(stack_env("questions"), nats_server) as broker:
        helper = await o.worker("helper")
        question_id = await ask(asker, held, wait=False)
        taken = await helper.take()
        await helper.end(taken, claimed={"status": "completed", "summary": {"overview": "leak is in a.py"}})
        assert (await closed(broker, question_id)).answer == "leak is in a.py"


async def test_a_target_that_nobody_knows_is_told_at_once(
    o: Orchestra, stack_env: StackEnv, nats_server: TestNats
) -> None:
    asker, held = await at_work(o)
    async with a_broker(stack_env("questions"), nats_server) as broker:
        question_id = await ask(asker, held, target_worker="nobody")
        assert "target_worker nobody is not known" in ((await closed(broker, question_id)).answer or "")
        await o.reaches(held.task_id, "running")


async def test_help_that_came_too_late_or_that_nobody_needs_any_more_is_called_off(
    o: Orchestra, stack_env: StackEnv, nats_server: TestNats
) -> None:
    asker, held = await at_work(o)
    async with a_broker(stack_env("questions"), nats_server) as broker:
        helper = await o.worker("helper")
        expiring = await ask(asker, held, deadline_ms=1_000)
        late = await helper.take()
        await o.reaches(late.task_id, "cancelled")
        assert (await closed(broker, expiring)).state == "expired"
        dropped = await ask(asker, held)
        needless = await helper.take()
        await asker.end(held)
        await o.reaches(needless.task_id, "cancelled")
        assert (await closed(broker, dropped)).state == "withdrawn"
