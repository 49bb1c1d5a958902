"""What a rule does with a question that it fits."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.questions import QuestionState, RequestDecision, Ruling
from contracts.rules import NewRule, Rule, RuleState
from question_broker.decisions.asking import Approval, question_of
from question_broker.decisions.rules import amounts, life, templates
from question_broker.decisions.rules.trying import dry_run, outcome, tried
from question_broker.domain import Question
from question_broker.errors import InvalidRule
from tests.support.examples import FULL, NOW, event

PERMISSION = {"question": "May I run `git push --force`?", "question_type": "permission", "context": "on my branch"}


def rule(then: dict[str, Any], rule_id: str = "rule-1", state: str = "active", **when: Any) -> Rule:
    new = NewRule.model_validate({"name": "a rule", "when": when, "then": then})
    return life.made(rule_id, new, NOW).model_copy(update={"state": RuleState(state)})


def asked(kind: str = "question", body: dict[str, Any] | None = None, **changes: Any) -> Question:
    approval = changes.pop("approval", Approval.auto)
    return replace(question_of(event(kind, body or FULL[kind]), 0, approval), **changes)  # type: ignore[arg-type]


def after(then: dict[str, Any], question: Question, repository: str | None = None, **when: Any) -> Question | None:
    return outcome(rule(then, **when), question, repository, NOW)


def test_an_answer_says_which_rule_gave_it() -> None:
    answered = after({"answer": "github"}, asked())
    assert answered is not None
    assert (answered.state, answered.answer) == (QuestionState.auto_answered, "github")
    assert (answered.answered_by, answered.rule_id) == ("rule:rule-1", "rule-1")
    assert answered.to_view().rule_id == "rule-1"


def test_placeholders_are_filled_in() -> None:
    template = "{worker_id} on {repository}: take {default_answer} for {what}, {{as written}} {not one}"
    answered = after({"answer": template}, asked(), "shop", pattern="Which (?P<what>[a-z]+)")
    assert answered is not None
    assert answered.answer == "worker-1 on shop: take google for provider, {as written} {not one}"


@pytest.mark.parametrize("template", ["{default_answer}", "{repository}", "{context}"])
def test_a_placeholder_without_a_value_leaves_the_question_to_others(template: str) -> None:
    assert after({"answer": template}, asked(default_answer=None, context=None)) is None


def test_an_unknown_placeholder_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidRule, match=r"then\.answer: there is no placeholder \{repo\}") as refused:
        templates.check("{repo}", {"what"})
    assert {"repository", "what"} <= set(refused.value.errors[0].allowed)
    templates.check("{what} {{repo}} { x } {}", {"what"})


@pytest.mark.parametrize(
    ("policy", "answer"),
    [
        ({"allow": ["git push"]}, "allowed"),
        ({"allow": ["git"], "deny": ["--force"]}, "denied: rule 'a rule', pattern '--force'"),
        ({"deny": ["--force"], "reason": "history is sacred"}, "denied: history is sacred"),
        ({"allow": ["."], "deny": ["rm -rf"]}, "allowed"),
        ({"allow": ["rm"], "deny": ["sudo"]}, None),
    ],
)
def test_a_permission_is_denied_before_it_is_allowed(policy: dict[str, Any], answer: str | None) -> None:
    answered = after({"permission": policy}, asked(body=PERMISSION))
    assert (answered.answer if answered else None) == answer
    if answered is not None:
        assert answered.decision is not None
        assert answered.decision.decision is (Ruling.granted if answer == "allowed" else Ruling.refused)


def test_a_permission_policy_answers_no_other_question() -> None:
    assert after({"permission": {"allow": ["."]}}, asked()) is None
    assert after({"permission": {"allow": ["."]}}, asked("resource_request")) is None


@pytest.mark.parametrize(
    ("asked_for", "limit", "answer"),
    [
        ("2 cores", "4 cores", "granted: 2 cores for 60000 ms"),
        ("2 cores", "1 core", "trimmed: 1 core for 60000 ms"),
        ("1.5 GB", "1024 MB", "trimmed: 1024 MB for 60000 ms"),
        ("512 MB more", "1 GB", "granted: 512 MB more for 60000 ms"),
        ("ripgrep", "1 GB", None),
        ("2 cores", "1 GB", None),
        ("2 or 3 cores", "9 cores", None),
    ],
)
def test_a_resource_is_granted_up_to_a_limit(asked_for: str, limit: str, answer: str | None) -> None:
    request = asked("resource_request", FULL["resource_request"] | {"amount_needed": asked_for})
    decided = after({"decision": {"decision": "trimmed", "amount_granted": limit}}, request)
    assert (decided.answer if decided else None) == answer


def test_the_time_of_a_resource_is_trimmed_too() -> None:
    then = {"decision": {"decision": "trimmed", "duration_ms": 1_000}}
    decided = after(then, asked("resource_request"))
    assert decided is not None
    assert decided.answer == "trimmed: 2 cores for 1000 ms"
    short = asked("resource_request", FULL["resource_request"] | {"duration_ms": 10})
    decided = after(then, short)
    assert decided is not None
    assert decided.answer == "granted: 2 cores for 10 ms"


def test_requests_are_refused_with_the_reason() -> None:
    then = {"decision": {"decision": "refused", "reason": "not on Fridays"}}
    for kind in ("resource_request", "collaboration_request"):
        decided = after(then, asked(kind))
        assert decided is not None
        assert (decided.state, decided.answer) == (QuestionState.auto_answered, "refused: not on Fridays")
    assert after(then, asked()) is None


def test_help_that_waits_for_approval_goes_ahead_by_rule() -> None:
    held = asked("collaboration_request", approval=Approval.manager)
    decided = after({"decision": {"decision": "granted"}}, held)
    assert decided is not None
    assert (held.needs_approval, decided.needs_approval, decided.state) == (True, False, QuestionState.open)
    assert decided.rule_id == "rule-1"


@pytest.mark.parametrize(
    "then",
    [
        {},
        {"answer": "x", "decision": {"decision": "granted"}},
        {"permission": {}},
        {"decision": {"decision": "trimmed"}},
    ],
)
def test_a_rule_does_exactly_one_thing(then: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NewRule.model_validate({"name": "r", "then": then})


def test_the_first_active_rule_answers_and_those_on_dry_run_before_it_are_noted() -> None:
    rules = [
        rule({"answer": "one"}, "r1", "dry_run"),
        rule({"answer": "none"}, "r2", pattern="deploy"),
        rule({"answer": "three"}, "r3"),
        rule({"answer": "four"}, "r4", "dry_run"),
        rule({"answer": "five"}, "r5"),
    ]
    answered, hits = tried(rules, asked(), None, NOW)
    assert answered.answer == "three"
    assert [(hit.rule_id, hit.answer, hit.state) for hit in hits] == [
        ("r1", "one", "dry_run"),
        ("r3", "three", "active"),
    ]


def test_rules_on_dry_run_change_nothing() -> None:
    question = asked()
    same, hits = tried([rule({"answer": "one"}, state="dry_run")], question, None, NOW)
    assert same is question
    assert len(hits) == 1


def test_a_replay_shows_would_be_answers_beside_the_real_ones() -> None:
    past = [
        asked(question_id="q-1").answered("GitHub ", None, "ada", NOW),
        asked(question_id="q-2").answered("google", None, "ada", NOW),
        asked(question_id="q-3").expired(NOW),
        asked(question_id="q-4", question="Deploy?", context=None).answered("no", None, "ada", NOW),
    ]
    report = dry_run(rule({"answer": "github"}, pattern="provider"), past, {}, NOW)
    assert (report.examined, report.matched, report.agreed, report.disagreed, report.unanswered) == (4, 3, 1, 1, 1)
    assert report.agreement_percent == 50.0
    assert [(hit.question_id, hit.answer, hit.agrees) for hit in report.hits] == [
        ("q-2", "google", False),
        ("q-1", "GitHub ", True),
        ("q-3", "google", None),
    ]


def test_a_replay_knows_the_repositories_and_compares_decisions() -> None:
    granted = RequestDecision(decision=Ruling.granted)
    request = replace(
        asked("resource_request"), answer="granted: 2 cores", answered_at=NOW, state=QuestionState.answered
    )
    past = [replace(request, decision=granted), replace(request, task_id="task-other", decision=granted)]
    then = {"decision": {"decision": "granted"}}
    report = dry_run(rule(then, repository="sh*"), past, {"task-123": "shop"}, NOW)
    assert (report.matched, report.agreed) == (1, 1)


@pytest.mark.parametrize(("a", "b"), [("2 cores", "2"), ("-1 MB", "5 MB"), ("", "1"), ("1 MB/s", "2 MB/s")])
def test_amounts_that_are_not_plain_are_not_compared(a: str, b: str) -> None:
    assert amounts.is_within(a, b) is None
