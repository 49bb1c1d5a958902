"""`get_answer`: a worker asks how its own question stands, and may wait for its close."""

import asyncio
from collections.abc import AsyncGenerator

import orjson
import pytest

from contracts.questions import QuestionView
from contracts.rpc import GetAnswer
from contracts.subjects import rpc
from servicekit.bus.rpc import RpcError, call
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.examples import FULL, MINIMAL
from tests.support.questioning import Broker, a_broker
from tests.support.stack import TestNats
from tests.support.waiting import eventually


@pytest.fixture
async def broker(stack_env: StackEnv, nats_server: TestNats) -> AsyncGenerator[Broker]:
    async with a_broker(stack_env("questions"), nats_server) as it:
        yield it


async def test_a_worker_reads_its_own_question_and_no_other(broker: Broker) -> None:
    question = await broker.ask("question", FULL["question"])
    view: QuestionView = await broker.rpc("get_answer", question_id=question)
    assert (view.state, view.question) == ("open", "Which provider first?")
    for worker_id, question_id in (("worker-2", question), ("worker-1", "q-none")):
        with pytest.raises(RpcError, match=f"{worker_id} has asked no question") as refused:
            await broker.rpc("get_answer", worker_id, question_id=question_id)
        assert refused.value.code == "question_not_found"


async def test_a_worker_that_waits_hears_of_the_close_at_once(broker: Broker) -> None:
    question = await broker.ask("question", MINIMAL["question"])
    waiting = [asyncio.create_task(broker.rpc("get_answer", question_id=question, wait_ms=60_000)) for _ in range(3)]
    assert (await broker.rpc("get_answer", question_id=question)).state == "open"
    await broker.client.post(f"/v1/questions/{question}/answer", json={"answer": "yes"})
    for view in await asyncio.gather(*waiting):
        assert (view.state, view.answer) == ("answered", "yes")


async def test_a_wait_ends_with_what_there_is(broker: Broker) -> None:
    question = await broker.ask("question", MINIMAL["question"])
    assert (await broker.rpc("get_answer", question_id=question, wait_ms=50)).state == "open"


async def test_who_waits_at_a_broker_that_stops_is_told_how_things_stand(
    stack_env: StackEnv, nats_server: TestNats
) -> None:
    async with a_bus(nats_server) as worker:
        async with a_broker(stack_env("questions"), nats_server) as stopping:
            question = await stopping.ask("question", MINIMAL["question"])
            asked = GetAnswer(question_id=question, wait_ms=60_000).to_json()
            waiting = asyncio.create_task(call(worker, rpc("question-broker", "get_answer", "worker-1"), asked))
            await eventually(lambda: _taken(stopping))
        assert QuestionView.model_validate_json(await waiting).state == "open"


async def test_a_close_elsewhere_is_seen_within_a_second(
    broker: Broker, stack_env: StackEnv, nats_server: TestNats
) -> None:
    question = await broker.ask("question", MINIMAL["question"])
    async with a_broker(stack_env("questions"), nats_server) as other:
        waiting = [asyncio.create_task(broker.rpc("get_answer", question_id=question, wait_ms=4_000)) for _ in range(8)]
        await other.client.post(f"/v1/questions/{question}/answer", json={"answer": "yes"})
        for view in await eventually(lambda: _all_done(waiting)):
            assert view.answer == "yes"


async def _taken(broker: Broker) -> bool:
    """Whether the broker has taken a request for an answer."""
    stats = orjson.loads((await broker.bus.request("$SRV.STATS.question-broker", b"")).data)
    return any(one["name"] == "get_answer" and one["num_requests"] for one in stats["endpoints"])


def _all_done(waiting: "list[asyncio.Task[QuestionView]]") -> list[QuestionView]:
    return [one.result() for one in waiting] if all(one.done() for one in waiting) else []
