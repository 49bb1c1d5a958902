"""Rules that answer questions on real servers: tried first, in order, within the moment in which the worker asks."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from mcp.types import TextContent

from contracts import streams
from contracts.decided import DecidedKind
from contracts.rules import DryRun, DryRunHit, Rule
from tests.support.examples import FULL, MINIMAL
from tests.support.gateway import client, gateway
from tests.support.producer import settled
from tests.support.questioning import Broker, a_broker
from tests.support.stack import TestNats
from tests.support.upstreams import Addresses

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERMISSION = {"question": "May I run make deploy?", "question_type": "permission"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(questions_env: dict[str, str], nats: TestNats) -> AsyncGenerator[Broker]:
    async with a_broker(questions_env, nats) as broker:
        yield broker


@pytest_asyncio.fixture(loop_scope="module")
async def broker(running: Broker) -> AsyncIterator[Broker]:
    """The broker of the file, without rules of other tests."""
    yield running
    for rule in (await running.client.get("/v1/rules")).json()["items"]:
        await running.client.delete(f"/v1/rules/{rule['rule_id']}")


async def rule_of(broker: Broker, rule_id: str) -> Rule:
    return Rule.model_validate_json((await broker.client.get(f"/v1/rules/{rule_id}")).content)


async def test_a_rule_answers_at_once_and_says_so_everywhere(broker: Broker) -> None:
    rule_id = await broker.rule(active=True, when={"pattern": "provider"}, then={"answer": "{default_answer}"})
    question = await broker.ask("question", FULL["question"])
    answer = await broker.heard(question)
    assert (answer.state, answer.answer, answer.answered_by) == ("auto_answered", "google", f"rule:{rule_id}")
    view = await broker.view(question)
    assert (view.rule_id, view.answered_at is not None) == (rule_id, True)
    late = await broker.client.post(f"/v1/questions/{question}/answer", json={"answer": "github"})
    assert (late.status_code, late.json()["code"]) == (409, "question_closed")
    await settled(broker.bus, streams.QUESTIONS, "question-broker")
    asked, answered = await broker.news(question)
    assert (asked.kind, asked.actor, asked.data["waits"]) == (DecidedKind.question_asked, "worker-1", False)
    about = {"question_type": "requirements", "kind": "question", "priority": "high", "rule_id": rule_id}
    assert about.items() <= answered.data.items()
    assert (answered.kind, answered.data["state"]) == (DecidedKind.question_answered, "auto_answered")
    rule = await rule_of(broker, rule_id)
    assert (rule.hits, rule.dry_run_hits, rule.last_hit_at is not None) == (1, 0, True)


async def test_a_rule_is_tried_before_it_answers(broker: Broker) -> None:
    made = await broker.client.post("/v1/rules", json={"name": "r", "then": {"answer": "yes"}})
    assert (made.status_code, made.json()["state"]) == (201, "dry_run")
    rule_id = made.json()["rule_id"]
    refused = await broker.client.post(f"/v1/rules/{rule_id}/activate")
    assert (refused.status_code, refused.json()["code"]) == (409, "rule_not_tested")
    question = await broker.ask("question", MINIMAL["question"])
    assert (await broker.view(question)).state == "open"
    await broker.client.post(f"/v1/questions/{question}/answer", json={"answer": "Yes "})
    page = (await broker.client.get(f"/v1/rules/{rule_id}/hits")).json()
    (hit,) = [DryRunHit.model_validate(item) for item in page["items"]]
    assert (hit.question_id, hit.would_answer, hit.answer, hit.agrees) == (question, "yes", "Yes ", True)
    assert (await rule_of(broker, rule_id)).dry_run_hits == 1
    active = await broker.client.post(f"/v1/rules/{rule_id}/activate")
    assert active.json()["state"] == "active"
    await broker.heard(await broker.ask("question", MINIMAL["question"]))
    changed = await broker.client.patch(f"/v1/rules/{rule_id}", json={"then": {"answer": "no"}})
    assert (changed.json()["state"], changed.json()["version"], changed.json()["is_tested"]) == ("dry_run", 2, False)


async def test_a_replay_sets_would_be_answers_beside_the_real_ones(broker: Broker) -> None:
    for number in range(3):
        body = {"question": f"Which replay colour, no. {number}?", "question_type": "technical"}
        question = await broker.ask("question", body)
        if number < 2:
            await broker.client.post(f"/v1/questions/{question}/answer", json={"answer": ("red", "blue")[number]})
    rule_id = await broker.rule(when={"pattern": "replay colour"}, then={"answer": "red"})
    report = DryRun.model_validate_json(
        (await broker.client.post(f"/v1/rules/{rule_id}/dry-run", json={"limit": 50})).content
    )
    assert (report.matched, report.agreed, report.disagreed, report.unanswered) == (3, 1, 1, 1)
    assert report.hits[0].answer == "blue"
    none = await broker.client.post(f"/v1/rules/{rule_id}/dry-run", json={"until": "2020-01-01T00:00:00Z"})
    assert none.json()["examined"] == 0


async def test_rules_are_tried_by_position_and_disabled_ones_not_at_all(broker: Broker) -> None:
    last = await broker.rule(active=True, position=30, then={"answer": "last"})
    first = await broker.rule(active=True, position=10, when={"priorities": ["high"]}, then={"answer": "first"})
    listed = (await broker.client.get("/v1/rules", params={"limit": 1})).json()
    assert [rule["rule_id"] for rule in listed["items"]] == [first]
    rest = (await broker.client.get("/v1/rules", params={"cursor": listed["next_cursor"]})).json()
    assert [rule["rule_id"] for rule in rest["items"]] == [last]
    assert (await broker.heard(await broker.ask("question", FULL["question"]))).answer == "first"
    await broker.client.post(f"/v1/rules/{first}/disable")
    assert (await broker.heard(await broker.ask("question", FULL["question"]))).answer == "last"


async def test_a_rule_for_a_repository_waits_until_it_is_known(broker: Broker) -> None:
    when = {"repository": "https://git.example/shop/*"}
    await broker.rule(active=True, when=when, then={"answer": "as in {repository}"})
    question = await broker.ask("question", MINIMAL["question"], task_id="task-shop")
    assert (await broker.view(question)).state == "open"
    await broker.tell(
        DecidedKind.task_assigned,
        "q-none",
        "task-shop",
        worker_id="worker-1",
        attempt=1,
        data={"repository": "https://git.example/shop/api", "priority": "low"},
    )
    assert (await broker.heard(question)).answer == "as in https://git.example/shop/api"
    known = await broker.ask("question", MINIMAL["question"], task_id="task-shop")
    assert (await broker.heard(known)).state == "auto_answered"


async def test_policies_decide_permissions_and_resources(broker: Broker) -> None:
    await broker.rule(active=True, then={"permission": {"allow": ["make"], "deny": ["deploy"], "reason": "ask ops"}})
    limit = {"decision": "trimmed", "amount_granted": "1 core"}
    await broker.rule(active=True, when={"kinds": ["resource_request"]}, then={"decision": limit})
    denied = await broker.heard(await broker.ask("question", PERMISSION))
    assert (denied.answer, denied.decision and denied.decision.decision) == ("denied: ask ops", "refused")
    trimmed = await broker.heard(await broker.ask("resource_request", FULL["resource_request"]))
    assert (trimmed.state, trimmed.answer) == ("auto_answered", "trimmed: 1 core for 60000 ms")
    assert trimmed.decision is not None
    assert trimmed.decision.amount_granted == "1 core"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "r"}, "then"),
        ({"name": "r", "then": {"answer": "x"}, "colour": "red"}, "colour"),
        ({"name": "r", "then": {"answer": "{x}"}}, "then.answer"),
        ({"name": "r", "then": {"answer": "x"}, "when": {"pattern": "("}}, "when.pattern"),
        ({"name": "r", "then": {"answer": "x"}, "when": {"kinds": ["riddle"]}}, "when.kinds.0"),
        ({"name": "r", "then": {"answer": "x"}, "when": {"pattern": "\x00"}}, "when.pattern"),
        ({"name": "r", "then": {"answer": "x"}, "position": -1}, "position"),
    ],
)
async def test_a_wrong_rule_is_refused_by_field(broker: Broker, given: dict[str, Any], field: str) -> None:
    refused = await broker.client.post("/v1/rules", json=given)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]


async def test_a_rule_that_there_is_not_is_not_found(broker: Broker) -> None:
    gone = await broker.rule(then={"answer": "x"})
    assert (await broker.client.delete(f"/v1/rules/{gone}")).status_code == 204
    answers = [
        await broker.client.get(f"/v1/rules/{gone}"),
        await broker.client.get(f"/v1/rules/{gone}/hits"),
        await broker.client.delete(f"/v1/rules/{gone}"),
        await broker.client.patch(f"/v1/rules/{gone}", json={"name": "x"}),
        *[await broker.client.post(f"/v1/rules/{gone}/{verb}") for verb in ("activate", "disable")],
        await broker.client.post(f"/v1/rules/{gone}/dry-run", json={}),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "rule_not_found")}


async def test_answers_to_similar_questions_are_suggested(broker: Broker) -> None:
    texts = ("Which suggested linter, ruff or flake8?", "Ruff or flake8: which suggested linter?", "Shall we go home?")
    for text, answer in zip(texts, ("ruff", "Ruff", "no"), strict=True):
        question = await broker.ask("question", {"question": text, "question_type": "technical"})
        await broker.client.post(f"/v1/questions/{question}/answer", json={"answer": answer, "answered_by": "ada"})
    body = {"question": "Which linter is suggested: ruff or flake8?", "question_type": "technical"}
    view = await broker.view(await broker.ask("question", body))
    (suggestion,) = view.suggestions
    assert (suggestion.answer.lower(), suggestion.times, suggestion.answered_by) == ("ruff", 2, "ada")
    assert suggestion.similarity_percent > 80
    listed = (await broker.client.get("/v1/questions", params={"limit": 1})).json()["items"]
    assert listed[0]["suggestions"] == [suggestion.to_dict()]
    await broker.client.post(f"/v1/questions/{view.question_id}/answer", json={"answer": "ruff"})
    assert (await broker.view(view.question_id)).suggestions == []


async def test_a_manager_reaches_all_of_it_from_an_mcp_client(broker: Broker) -> None:
    nowhere = "http://127.0.0.1:9"
    addresses = Addresses(nowhere, nowhere, nowhere, str(broker.client.base_url))
    question = await broker.ask("question", FULL["question"])
    async with gateway(addresses) as url, client(url, "2026-07-28") as manager:

        async def manage(**given: Any) -> tuple[str, Any]:
            result = await manager.call_tool("manage_rules", given)
            (content,) = result.content
            assert isinstance(content, TextContent)
            return content.text, result.structured_content if not result.is_error else result.meta

        _, made = await manage(action="create", name="house", when={"pattern": "provider"}, then={"answer": "github"})
        rule_id = made["rules"][0]["rule_id"]
        assert made["rules"][0]["created_by"] == "local"
        text, problem = await manage(action="activate", rule_id=rule_id)
        assert problem["mews/problem"]["code"] == "rule_not_tested"
        assert "was not on dry-run" in text
        _, tried = await manage(action="dry_run", rule_id=rule_id, questions=10)
        assert question in [hit["question_id"] for hit in tried["dry_run"]["hits"]]
        assert (await manage(action="activate", rule_id=rule_id))[1]["rules"][0]["state"] == "active"
        assert (await broker.heard(await broker.ask("question", FULL["question"]))).answer == "github"
        _, changed = await manage(action="update", rule_id=rule_id, position=5)
        assert (changed["rules"][0]["position"], changed["rules"][0]["state"]) == (5, "active")
        text, listed = await manage(action="list", state="active")
        assert [rule["rule_id"] for rule in listed["rules"]] == [rule_id]
        assert (await manage(action="disable", rule_id=rule_id))[1]["rules"][0]["state"] == "disabled"
        assert (await manage(action="delete", rule_id=rule_id))[1] == {"rules": [], "deleted": rule_id}
        text, _ = await manage(action="list", rule_id=rule_id)
        assert f"no rule {rule_id}; manage_rules with action list shows" in text
        text, _ = await manage(action="create", name="bad", then={"answer": "x"}, when={"pattern": "("})
        assert "when.pattern: is no regular expression in RE2 syntax" in text
