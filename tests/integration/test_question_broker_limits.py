"""What workers may ask for: quotas, and help that goes ahead when a manager grants it."""

from collections.abc import AsyncGenerator
from datetime import datetime

import pytest
import pytest_asyncio

from contracts import streams
from contracts.decided import DecidedKind
from servicekit.ids import new_id
from tests.support.examples import FULL, MINIMAL, NOW
from tests.support.producer import settled
from tests.support.questioning import Broker, a_broker
from tests.support.stack import TestNats

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERMISSION = {"question": "May I push?", "question_type": "permission"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(questions_env: dict[str, str], nats: TestNats) -> AsyncGenerator[Broker]:
    limits = {"quota_open_requests_per_attempt": 2, "quota_requests_per_worker_hour": 5}
    async with a_broker(questions_env, nats, collaboration_approval="manager", **limits) as running:
        yield running


async def test_an_attempt_has_so_many_open_requests_and_may_ask_again_when_one_is_decided(broker: Broker) -> None:
    about = {"worker_id": new_id("worker"), "task_id": new_id("task")}
    first = await broker.ask("resource_request", FULL["resource_request"], **about)
    await broker.ask("question", PERMISSION, **about)
    for kind, body, word in (
        ("resource_request", FULL["resource_request"], "refused"),
        ("question", PERMISSION, "denied"),
        ("collaboration_request", FULL["collaboration_request"], "refused"),
    ):
        answer = await broker.heard(await broker.ask(kind, body, **about))
        assert (answer.state, answer.answered_by) == ("answered", "system")
        assert (answer.answer or "").startswith(f"{word}: attempt 1 of {about['task_id']} has 2 open requests")
        assert answer.decision is not None
        assert answer.decision.decision == "refused"
    plain = await broker.ask("question", MINIMAL["question"], **about)
    assert (await broker.view(plain)).state == "open"
    await broker.decide(first, decision="granted")
    assert (await broker.view(await broker.ask("question", PERMISSION, **about))).state == "open"


@pytest.mark.parametrize("clock", [None, NOW], ids=["its clock is right", "its clock is far behind"])
async def test_a_worker_makes_so_many_requests_an_hour(broker: Broker, clock: datetime | None) -> None:
    worker = new_id("worker")
    says = {"occurred_at": clock} if clock else {}
    for _ in range(5):
        question = await broker.ask("question", PERMISSION, worker_id=worker, task_id=new_id("task"), **says)
        assert (await broker.view(question)).state == "open"
    answer = await broker.heard(await broker.ask("question", PERMISSION, worker_id=worker, task_id=new_id("task")))
    assert (answer.answer or "").startswith(f"denied: {worker} has made 5 requests within an hour")


async def test_help_waits_until_it_is_granted(broker: Broker) -> None:
    about = {"worker_id": new_id("worker"), "task_id": new_id("task")}
    question = await broker.ask("collaboration_request", FULL["collaboration_request"], **about)
    view = await broker.view(question)
    assert (view.state, view.needs_approval) == ("open", True)
    granted = await broker.decide(question, decision="trimmed", duration_ms=20_000, decided_by="ada")
    assert (granted.status_code, granted.json()["needs_approval"]) == (200, False)
    assert granted.json()["expires_at"] < view.to_dict()["expires_at"]
    assert (await broker.decide(question, decision="trimmed", duration_ms=20_000)).json() == granted.json()
    other = await broker.decide(question, decision="refused")
    assert (other.status_code, other.json()["code"]) == (409, "already_decided")
    await settled(broker.bus, streams.QUESTIONS, "question-broker")
    asked, approved = await broker.news(question)
    assert (asked.kind, "request" in asked.data) == (DecidedKind.question_asked, False)
    assert (approved.kind, approved.actor) == (DecidedKind.question_approved, "ada")
    assert approved.data["request"] == {
        name: FULL["collaboration_request"][name]
        for name in ("collaboration_type", "task_description", "target_worker", "context", "priority")
    }


async def test_help_that_is_refused_is_never_asked_for(broker: Broker) -> None:
    about = {"worker_id": new_id("worker"), "task_id": new_id("task")}
    question = await broker.ask("collaboration_request", FULL["collaboration_request"], **about)
    await broker.decide(question, decision="refused", reason="do it yourself")
    answer = await broker.heard(question)
    assert (answer.answer, answer.decision and answer.decision.decision) == ("refused: do it yourself", "refused")
    kinds = [event.kind.value for event in await broker.news(question)]
    assert kinds == ["question.asked", "question.answered"]


async def test_a_permission_is_decided(broker: Broker) -> None:
    about = {"worker_id": new_id("worker"), "task_id": new_id("task")}
    question = await broker.ask("question", PERMISSION, **about)
    short = await broker.decide(question, decision="trimmed")
    assert [error["field"] for error in short.json()["errors"]] == ["amount_granted"]
    await broker.decide(question, decision="trimmed", amount_granted="to your branch")
    assert (await broker.heard(question)).answer == "allowed, but only: to your branch"
