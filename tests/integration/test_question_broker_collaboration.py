"""Requests for collaboration: the helper's response, or the end of its task, closes them; nobody else's word does."""

from collections.abc import AsyncGenerator

import asyncpg
import pytest

from contracts import streams
from contracts.decided import DecidedKind
from tests.conftest import StackEnv
from tests.support.examples import FULL
from tests.support.producer import settled
from tests.support.questioning import Broker, a_broker
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

TASK = "task-linked"


@pytest.fixture
async def broker(stack_env: StackEnv, nats_server: TestNats) -> AsyncGenerator[Broker]:
    async with a_broker(stack_env("questions"), nats_server) as it:
        yield it


async def asked(broker: Broker) -> str:
    return await broker.ask("collaboration_request", FULL["collaboration_request"])


async def given_to(broker: Broker, question_id: str, worker_id: str = "worker-2", attempt: int = 1) -> None:
    """The news that an attempt at the linked task was given to a worker has arrived."""
    await broker.tell(DecidedKind.task_assigned, question_id, TASK, worker_id=worker_id, attempt=attempt)
    await settled(broker.bus, streams.EVENTS, "question-broker-events")


async def test_the_helpers_response_goes_to_who_asked(broker: Broker) -> None:
    question = await asked(broker)
    await broker.tell(DecidedKind.task_queued, question, TASK)
    await given_to(broker, question)
    await broker.respond(question, "worker-2", TASK, status="accepted")
    await settled(broker.bus, streams.QUESTIONS, "question-broker")
    view = await broker.view(question)
    assert (view.state, view.linked_task_id, view.helper_worker) == ("open", TASK, "worker-2")
    await broker.respond(question, "worker-2", TASK, response="sound", findings=["line 3", "line 9"])
    answer = await broker.heard(question)
    assert (answer.state, answer.answer, answer.answered_by) == ("answered", "sound", "worker-2")
    assert answer.findings == ["line 3", "line 9"]
    assert (await broker.view(question)).findings == answer.findings


async def test_a_helper_may_decline(broker: Broker) -> None:
    question = await asked(broker)
    await given_to(broker, question)
    await broker.respond(question, "worker-2", TASK, status="declined", response="no access")
    assert (await broker.heard(question)).answer == "declined: no access"


async def test_the_first_response_wins_however_often_it_comes(broker: Broker) -> None:
    question = await asked(broker)
    await given_to(broker, question)
    await broker.respond(question, "worker-2", TASK, response="first")
    await broker.respond(question, "worker-2", TASK, response="second")
    await broker.heard(question)
    await broker.producer.repeat_all(1)
    await settled(broker.bus, streams.QUESTIONS, "question-broker")
    assert (await broker.view(question)).answer == "first"
    assert len([one for one in broker.answers if one.question_id == question]) == 1


async def test_a_response_before_the_news_of_its_attempt_counts_once_it_is_there(broker: Broker) -> None:
    question = await asked(broker)
    await broker.respond(question, "worker-2", TASK, response="early")
    await settled(broker.bus, streams.QUESTIONS, "question-broker")
    assert (await broker.view(question)).state == "open"
    await given_to(broker, question)
    assert (await broker.heard(question)).answer == "early"


async def test_an_attempt_that_lost_the_task_changes_nothing(broker: Broker) -> None:
    question = await asked(broker)
    await given_to(broker, question, "worker-2", 1)
    await given_to(broker, question, "worker-3", 2)
    await broker.respond(question, "worker-2", TASK, 1, response="stale")
    await settled(broker.bus, streams.QUESTIONS, "question-broker")
    assert (await broker.view(question)).state == "open"
    await broker.respond(question, "worker-3", TASK, 2, response="mine")
    assert (await broker.heard(question)).answer == "mine"


async def test_a_worker_that_was_not_asked_is_put_aside(broker: Broker, database: Database) -> None:
    question = await asked(broker)
    await given_to(broker, question)
    await broker.respond(question, "worker-9", TASK, response="meddling")
    await broker.respond(question, "worker-2", "task-other", response="of another task")
    await broker.respond("q-none", "worker-2", TASK, response="of nothing")
    connection = await asyncpg.connect(database.dsn("questions"))
    try:
        letters = await eventually(lambda: _three(connection))
    finally:
        await connection.close()
    assert {letter["subject"] for letter in letters} == {"manager.question.worker-9", "manager.question.worker-2"}
    assert all("was not asked to help" in letter["reason"] for letter in letters)
    assert (await broker.view(question)).state == "open"


async def _three(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    found = await connection.fetch("SELECT subject, reason FROM dead_letter")
    return found if len(found) == 3 else []


@pytest.mark.parametrize(
    ("kind", "data", "answer"),
    [
        (DecidedKind.task_completed, {"overview": "reviewed it all"}, "reviewed it all"),
        (DecidedKind.task_completed, {}, f"the helper's task {TASK} has completed without a response"),
        (DecidedKind.task_failed, {"reason": "no such ref"}, f"the helper's task {TASK} failed: no such ref"),
        (DecidedKind.task_cancelled, {"reason": "by ada"}, f"the helper's task {TASK} was cancelled: by ada"),
        (DecidedKind.task_timed_out, {}, f"the helper's task {TASK} timed out"),
        (DecidedKind.task_refused, {"reason": "target_worker x is not known"}, "nobody was asked: target_worker x is"),
    ],
)
async def test_the_end_of_the_helpers_task_closes_the_request(
    broker: Broker, kind: DecidedKind, data: dict[str, str], answer: str
) -> None:
    question = await asked(broker)
    await given_to(broker, question)
    await broker.tell(kind, question, TASK, worker_id="worker-2", attempt=1, data=data)
    heard = await broker.heard(question)
    assert heard.state == "answered"
    assert (heard.answer or "").startswith(answer)


async def test_another_try_of_the_helpers_task_closes_nothing(broker: Broker) -> None:
    question = await asked(broker)
    await given_to(broker, question)
    await broker.tell(DecidedKind.task_requeued, question, TASK, worker_id="worker-2", attempt=1)
    await settled(broker.bus, streams.EVENTS, "question-broker-events")
    assert (await broker.view(question)).state == "open"


async def test_who_asks_itself_is_told_at_once(broker: Broker) -> None:
    body = FULL["collaboration_request"] | {"target_worker": "worker-1"}
    question = await broker.ask("collaboration_request", body)
    assert "the asking worker itself" in ((await broker.heard(question)).answer or "")
