"""Which questions a rule is about."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.rules import RuleConditions
from question_broker.decisions.asking import question_of
from question_broker.decisions.rules import patterns
from question_broker.decisions.rules.conditions import fit
from question_broker.domain import Question
from question_broker.errors import InvalidRule
from tests.support.examples import FULL, event

ASKED = question_of(event("question", FULL["question"]), 0)  # type: ignore[arg-type]
REQUEST = question_of(event("resource_request", FULL["resource_request"]), 0)  # type: ignore[arg-type]
HERE = "https://git.example/shop/api.git"


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"kinds": ["question"]},
        {"question_types": ["technical", "requirements"]},
        {"priorities": ["high"]},
        {"pattern": "provider"},
        {"pattern": "(?i)BOTH are"},
        {"worker": "worker-?"},
        {"repository": "https://git.example/shop/*"},
        {"kinds": ["question"], "pattern": "^Which", "worker": "*", "repository": "*api*"},
    ],
)
def test_all_that_is_given_must_fit(when: dict[str, Any]) -> None:
    assert fit(RuleConditions.model_validate(when), ASKED, HERE) == {}


@pytest.mark.parametrize(
    "when",
    [
        {"kinds": ["resource_request"]},
        {"question_types": ["technical"]},
        {"priorities": ["low", "critical"]},
        {"pattern": "^provider"},
        {"worker": "worker"},
        {"repository": "https://git.example/shop/"},
        {"kinds": ["question"], "pattern": "deploy"},
    ],
)
def test_one_that_does_not_fit_is_enough(when: dict[str, Any]) -> None:
    assert fit(RuleConditions.model_validate(when), ASKED, HERE) is None


def test_a_repository_that_is_not_known_fits_no_rule_that_asks_for_one() -> None:
    assert fit(RuleConditions(repository="*"), ASKED, None) is None
    assert fit(RuleConditions(), ASKED, None) == {}


def test_a_glob_takes_everything_else_as_it_is_written() -> None:
    odd = replace(ASKED, worker_id="w.1+(x)")
    assert fit(RuleConditions(worker="w.1+(?)"), odd, None) == {}
    assert fit(RuleConditions(worker="w?1+(x)"), odd, None) == {}
    assert fit(RuleConditions(worker="wa1+(x)"), odd, None) is None


def test_the_groups_of_the_pattern_are_found() -> None:
    assert fit(RuleConditions(pattern=r"Needs (?P<n>\d+) (?P<what>cores|MB)"), REQUEST, None) == {
        "n": "2",
        "what": "cores",
    }


def test_the_type_of_a_request_is_its_resource() -> None:
    assert fit(RuleConditions(question_types=["compute"]), REQUEST, None) == {}


@pytest.mark.parametrize("pattern", ["(", "(?=x)", r"(a)\1", "a{1001}", "(" * 500 + "x{1000}" + "){1000}" * 500])
def test_what_is_no_pattern_is_refused_by_field(pattern: str) -> None:
    with pytest.raises(InvalidRule, match=r"^when\.pattern: is no regular expression in RE2 syntax") as refused:
        patterns.check("when.pattern", pattern)
    assert [error.field for error in refused.value.errors] == ["when.pattern"]


def question_with(text: str) -> Question:
    return replace(ASKED, question=text, context=None)


def test_a_pattern_that_others_choke_on_takes_time_that_grows_with_the_text_alone() -> None:
    # With backtracking the first of these would outlast the universe, and not only the time that a test may take.
    evil, hostile = RuleConditions(pattern=r"^(a+)+$"), question_with("a" * 60_000 + "!")
    assert fit(evil, hostile, None) is None
    assert fit(RuleConditions(pattern=r"(.*)*=(.*)*"), question_with("x" * 60_000), None) is None
