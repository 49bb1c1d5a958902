"""Who waits for an answer: exactly one is given, also to who was away, and nobody waits in a circle."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from contracts import streams, subjects
from contracts.batches import ANSWER_BATCH
from contracts.decided import DecidedKind
from servicekit.ids import new_id
from tests.support.buskit import a_bus
from tests.support.examples import FULL, MINIMAL
from tests.support.producer import settled
from tests.support.questioning import Broker, a_broker
from tests.support.stack import TestNats
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(questions_env: dict[str, str], nats: TestNats) -> AsyncGenerator[Broker]:
    async with a_broker(questions_env, nats) as running:
        yield running


class Pair:
    """Two workers of one test, each at work on a task."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.a, self.b = new_id("worker"), new_id("worker")
        self.task_a, self.task_b = new_id("task"), new_id("task")

    async def a_asks(self, target: str | None = None, *, wait: bool = True) -> str:
        """A request of the first."""
        return await self._ask(self.a, self.task_a, target, wait)

    async def b_asks(self, target: str | None = None) -> str:
        """A request of the second."""
        return await self._ask(self.b, self.task_b, target, True)

    async def b_helps(self, question_id: str) -> None:
        """The news that the second's task is the help that was asked for."""
        await self._broker.tell(DecidedKind.task_assigned, question_id, self.task_b, worker_id=self.b, attempt=1)
        await settled(self._broker.bus, streams.EVENTS, "question-broker-events")

    async def _ask(self, worker_id: str, task_id: str, target: str | None, wait: bool) -> str:
        body: dict[str, Any] = FULL["collaboration_request"] | {"task_id": task_id, "wait": wait}
        body = {name: value for name, value in (body | {"target_worker": target}).items() if value is not None}
        return await self._broker.ask("collaboration_request", body, worker_id=worker_id, task_id=task_id)


@pytest.fixture
def pair(broker: Broker) -> Pair:
    return Pair(broker)


async def test_of_two_who_wait_for_each_other_the_second_is_told_at_once(broker: Broker, pair: Pair) -> None:
    first = await pair.a_asks(pair.b)
    second = await pair.b_asks(pair.a)
    told = await broker.heard(second)
    assert (told.state, told.answered_by) == ("answered", "system")
    assert f"{pair.b} (task {pair.task_b}) waits for {pair.a}" in (told.answer or "")
    assert "the wait would never end" in (told.answer or "")
    assert (await broker.view(first)).state == "open"
    await settled(broker.bus, streams.QUESTIONS, "question-broker")
    asked = next(one for one in await broker.news(second) if one.kind is DecidedKind.question_asked)
    assert "request" not in asked.data


async def test_a_circle_that_the_news_of_a_helper_closes_is_broken(broker: Broker, pair: Pair) -> None:
    first = await pair.a_asks()
    second = await pair.b_asks(pair.a)
    assert [(await broker.view(one)).state for one in (first, second)] == ["open", "open"]
    await pair.b_helps(first)
    assert "the wait would never end" in ((await broker.heard(second)).answer or "")
    assert (await broker.view(first)).state == "open"


async def test_who_waits_only_later_closes_a_circle_then(broker: Broker, pair: Pair) -> None:
    first = await pair.a_asks(pair.b, wait=False)
    second = await pair.b_asks(pair.a)
    assert (await broker.view(second)).state == "open"
    view = await broker.rpc("get_answer", pair.a, question_id=first, wait_ms=1)
    assert view.state == "open"
    assert "the wait would never end" in ((await broker.heard(second)).answer or "")


async def test_help_that_is_under_way_may_help_back(broker: Broker, pair: Pair) -> None:
    await pair.b_helps(await pair.a_asks(pair.b))
    other = Pair(broker)
    other.b = pair.b
    assert (await broker.view(await other.b_asks(pair.a))).state == "open"


async def test_one_of_answers_decisions_and_the_deadline_wins(broker: Broker) -> None:
    body = {"question": "May I?", "question_type": "permission", "default_answer": "no", "deadline_ms": 1_000}
    outcomes: Counter[str] = Counter()
    for _ in range(4):
        question = await broker.ask("question", body)
        expires_at = (await broker.view(question)).expires_at
        assert expires_at is not None
        soon = expires_at - timedelta(milliseconds=20)
        await eventually(lambda soon=soon: datetime.now(UTC) >= soon)  # noqa: TID251
        posts = [
            *(broker.client.post(f"/v1/questions/{question}/answer", json={"answer": f"{n}"}) for n in range(6)),
            *(broker.decide(question, decision="refused", reason=f"{n}") for n in range(6)),
        ]
        results = await asyncio.gather(*posts)
        answer = await broker.heard(question)
        won = [result for result in results if result.status_code == 200]
        assert len(won) == (0 if answer.state == "expired" else 1)
        assert {_code(result) for result in results if result not in won} <= {"question_closed"}
        assert (await broker.view(question)).answer == answer.answer
        outcomes[question] = 1
    await settled(broker.bus, streams.QUESTIONS, "question-broker")
    heard = Counter(one.question_id for one in broker.answers)
    assert {question: heard[question] for question in outcomes} == dict(outcomes)


async def test_of_a_rule_and_a_person_one_wins(broker: Broker) -> None:
    await broker.rule(active=True, when={"repository": "https://race/*"}, then={"answer": "by rule"})
    task = new_id("task")
    question = await broker.ask("question", MINIMAL["question"], task_id=task)
    known = broker.tell(DecidedKind.task_queued, "q-none", task, data={"repository": "https://race/x"})
    by_hand = broker.client.post(f"/v1/questions/{question}/answer", json={"answer": "by hand"})
    result, _ = await asyncio.gather(by_hand, known)
    answer = await broker.heard(question)
    assert answer.answer == ("by hand" if result.status_code == 200 else "by rule")
    await settled(broker.bus, streams.EVENTS, "question-broker-events")
    assert (await broker.view(question)).answer == answer.answer
    assert len([one for one in broker.answers if one.question_id == question]) == 1


async def test_an_answer_waits_for_a_worker_that_is_away(broker: Broker, nats: TestNats) -> None:
    worker = new_id("worker")
    question = await broker.ask("question", MINIMAL["question"], worker_id=worker)
    async with a_bus(nats) as before:
        await before.js.pull_subscribe(subjects.answer(worker), worker, streams.COMMANDS)
    await broker.client.post(f"/v1/questions/{question}/answer", json={"answer": "while you were out"})
    await broker.heard(question)
    async with a_bus(nats) as after:
        again = await after.js.pull_subscribe_bind(worker, streams.COMMANDS)
        (message,) = await again.fetch(1, timeout=5)
        await message.ack_sync()
    (answer,) = ANSWER_BATCH.validate_json(message.data).events
    assert (answer.question_id, answer.answer) == (question, "while you were out")


def _code(result: httpx.Response) -> str:
    return result.json()["code"]


async def test_news_of_a_circle_reaches_the_worker_that_was_closed_out(broker: Broker, pair: Pair) -> None:
    await pair.a_asks(pair.b)
    second = await pair.b_asks(pair.a)

    async def told() -> list[str]:
        return [one.kind.value for one in await broker.news(second) if one.kind is not DecidedKind.question_asked]

    assert await eventually(told) == ["question.answered"]
