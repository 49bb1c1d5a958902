"""Requests for resources: decided once, and the worker is told what it gets."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.conftest import StackEnv
from tests.support.examples import FULL, MINIMAL
from tests.support.questioning import Broker, a_broker
from tests.support.stack import TestNats


@pytest.fixture
async def broker(stack_env: StackEnv, nats_server: TestNats) -> AsyncGenerator[Broker]:
    async with a_broker(stack_env("questions"), nats_server) as it:
        yield it


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        ({"decision": "granted"}, "granted: 2 cores for 60000 ms"),
        ({"decision": "trimmed", "amount_granted": "1 core", "duration_ms": 5}, "trimmed: 1 core for 5 ms"),
        ({"decision": "refused", "reason": "none left"}, "refused: none left"),
    ],
)
async def test_the_worker_is_told_what_was_decided(broker: Broker, decision: dict[str, Any], words: str) -> None:
    request = await broker.ask("resource_request", FULL["resource_request"])
    decided = await broker.decide(request, **decision, decided_by="ada")
    assert decided.status_code == 200
    answer = await broker.heard(request)
    assert (answer.state, answer.answer, answer.answered_by) == ("answered", words, "ada")
    assert answer.decision is not None
    assert decision.items() <= answer.decision.to_dict().items()
    assert (await broker.view(request)).decision == answer.decision


async def test_exactly_one_of_many_decisions_wins_and_giving_it_again_changes_nothing(broker: Broker) -> None:
    request = await broker.ask("resource_request", FULL["resource_request"])
    amounts = [f"{n} cores" for n in range(8)]
    results = await asyncio.gather(
        *(broker.decide(request, decision="trimmed", amount_granted=amount) for amount in amounts)
    )
    assert sorted(result.status_code for result in results) == [200] + [409] * 7
    won = next(result.json() for result in results if result.status_code == 200)
    amount = won["decision"]["amount_granted"]
    again = await broker.decide(request, decision="trimmed", amount_granted=amount, decided_by="bob")
    assert (again.status_code, again.json()) == (200, won)
    other = await broker.decide(request, decision="refused")
    assert (other.status_code, other.json()["code"]) == (409, "question_closed")


@pytest.mark.parametrize(
    ("decision", "field"),
    [
        ({}, "decision"),
        ({"decision": "doubled"}, "decision"),
        ({"decision": "trimmed"}, "amount_granted"),
        ({"decision": "refused", "amount_granted": "1 core"}, "amount_granted"),
    ],
)
async def test_a_wrong_decision_is_refused_by_field_and_the_request_stays_open(
    broker: Broker, decision: dict[str, Any], field: str
) -> None:
    request = await broker.ask("resource_request", MINIMAL["resource_request"])
    refused = await broker.decide(request, **decision)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert (await broker.view(request)).state == "open"


async def test_only_a_request_for_resources_is_decided(broker: Broker) -> None:
    question = await broker.ask("question", MINIMAL["question"])
    refused = await broker.decide(question, decision="granted")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_a_request")
    assert (await broker.decide("q-0", decision="granted")).json()["code"] == "question_not_found"


async def test_a_plain_answer_to_a_request_grants_nothing(broker: Broker) -> None:
    request = await broker.ask("resource_request", FULL["resource_request"])
    await broker.client.post(f"/v1/questions/{request}/answer", json={"answer": "make do with less"})
    answer = await broker.heard(request)
    assert (answer.answer, answer.decision) == ("make do with less", None)


async def test_a_request_past_its_own_deadline_expires(broker: Broker) -> None:
    request = await broker.ask("resource_request", FULL["resource_request"] | {"deadline_ms": 1_000})
    answer = await broker.heard(request)
    assert (answer.state, answer.answer, answer.decision) == ("expired", None, None)
