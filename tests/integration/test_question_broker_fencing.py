"""What comes from an attempt that has lost its task changes nothing, whether the news of that comes before or after."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import streams
from contracts.decided import DecidedEvent, DecidedKind
from servicekit.ids import new_event_id, new_id
from tests.conftest import StackEnv
from tests.support.producer import settled
from tests.support.questioning import Broker, a_broker
from tests.support.stack import TestNats

QUESTION: dict[str, Any] = {"question": "Which port?", "question_type": "technical"}


@pytest.fixture
async def broker(stack_env: StackEnv, nats_server: TestNats) -> AsyncGenerator[Broker]:
    async with a_broker(stack_env("questions"), nats_server) as it:
        yield it


async def assigned(broker: Broker, task_id: str, attempt: int, worker_id: str, *, ago_s: float = 0.0) -> None:
    """The orchestrator says that a worker was given a task some time ago."""
    at = datetime.now(UTC) - timedelta(seconds=ago_s)  # noqa: TID251
    about = {"event_id": new_event_id(), "kind": DecidedKind.task_assigned, "occurred_at": at}
    told = {"task_id": task_id, "attempt": attempt, "worker_id": worker_id}
    await broker.producer.tell(DecidedEvent.model_validate(about | told))
    await settled(broker.bus, streams.EVENTS, "question-broker-events")


async def share(broker: Broker, title: str, task_id: str, attempt: int, worker_id: str) -> None:
    envelope = {"task_id": task_id, "attempt": attempt, "worker_id": worker_id}
    body = {"title": title, "content": "about anything"}
    await broker.producer.send(broker.producer.make("learning", body, **envelope))
    await settled(broker.bus, streams.QUESTIONS, "question-broker")


async def found(broker: Broker, query: str) -> list[tuple[str, str, int]]:
    answer = await broker.rpc("search_learnings", query=query)
    return [(one.title, one.worker_id, one.times_shared) for one in answer.learnings]


async def test_what_an_older_attempt_has_learned_is_kept_and_not_found(broker: Broker) -> None:
    task = new_id("task")
    await share(broker, "Early walnut", task, 1, "w1")
    await assigned(broker, task, 2, "w2")
    await share(broker, "Late walnut", task, 1, "w1")
    await share(broker, "Foreign walnut", task, 2, "w1")
    await share(broker, "Current walnut", task, 2, "w2")
    assert sorted(await found(broker, "walnut")) == [("Current walnut", "w2", 1), ("Early walnut", "w1", 1)]


async def test_what_came_before_the_news_is_judged_again_by_when_it_came(broker: Broker) -> None:
    task = new_id("task")
    await share(broker, "Known quince", task, 1, "w1")
    await share(broker, "Known quince", new_id("task"), 1, "w9")
    await share(broker, "Unknown quince", task, 1, "w1")
    await assigned(broker, task, 2, "w2", ago_s=60)
    # What somebody else has shared too is no worse for it.
    assert await found(broker, "quince") == [("Known quince", "w1", 2)]


async def test_what_a_valid_attempt_shares_after_a_stale_one_is_its_own(broker: Broker) -> None:
    task = new_id("task")
    await assigned(broker, task, 2, "w2")
    await share(broker, "Bitter medlar", task, 1, "w1")
    assert await found(broker, "medlar") == []
    await share(broker, "Bitter medlar", task, 2, "w2")
    await share(broker, "Bitter medlar", task, 1, "w1")
    assert await found(broker, "medlar") == [("Bitter medlar", "w2", 1)]


async def test_the_assignment_of_a_newer_attempt_alone_withdraws_the_questions_of_the_older(broker: Broker) -> None:
    task = new_id("task")
    older = await broker.ask("question", QUESTION, task_id=task, attempt=1, worker_id="w1")
    await assigned(broker, task, 2, "w2")
    view = await broker.reaches(older, "withdrawn")
    assert view.answer is None
    late = await broker.ask("question", QUESTION, task_id=task, attempt=1, worker_id="w1")
    assert (await broker.view(late)).state == "withdrawn"
    newer = await broker.ask("question", QUESTION, task_id=task, attempt=2, worker_id="w2")
    assert (await broker.view(newer)).state == "open"
    refused = await broker.client.post(f"/v1/questions/{older}/answer", json={"answer": "80"})
    assert (refused.status_code, refused.json()["code"]) == (409, "question_closed")


@pytest.mark.parametrize("news_first", [True, False])
async def test_a_question_in_the_name_of_anothers_attempt_is_withdrawn(broker: Broker, news_first: bool) -> None:
    task = new_id("task")
    if news_first:
        await assigned(broker, task, 1, "w1")
    forged = await broker.ask("question", QUESTION, task_id=task, attempt=1, worker_id="w-evil")
    own = await broker.ask("question", QUESTION, task_id=task, attempt=1, worker_id="w1")
    if not news_first:
        await assigned(broker, task, 1, "w1")
    await broker.reaches(forged, "withdrawn")
    assert (await broker.view(own)).state == "open"
