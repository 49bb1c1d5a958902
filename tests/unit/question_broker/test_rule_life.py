"""The life of a rule."""

from typing import Any

import pytest

from contracts.rules import NewRule, Rule, RuleChange, RuleState
from question_broker.decisions.rules import life
from question_broker.errors import InvalidRule, RuleNotTested
from tests.support.examples import NOW

NEW = NewRule.model_validate({"name": "r", "then": {"answer": "yes"}})


def made(**changes: Any) -> Rule:
    return life.made("rule-1", NEW, NOW).model_copy(update=changes)


def test_a_rule_begins_on_dry_run_and_is_not_activated_before_it_was_tried() -> None:
    rule = made()
    assert rule.state is RuleState.dry_run
    with pytest.raises(RuleNotTested, match="was not on dry-run in its version 1"):
        life.activated(rule, NOW)
    assert life.activated(life.tried(rule, 1, NOW), NOW).state is RuleState.active


def test_a_trial_of_an_older_version_does_not_count() -> None:
    assert not life.tried(made(version=2), 1, NOW).is_tested


def test_another_answer_puts_it_back_on_dry_run_and_another_name_does_not() -> None:
    active = made(state=RuleState.active, is_tested=True)
    renamed = life.changed(active, RuleChange(name="other", position=3), NOW)
    assert (renamed.state, renamed.version, renamed.position) == (RuleState.active, 1, 3)
    changed = life.changed(active, RuleChange.model_validate({"then": {"answer": "no"}}), NOW)
    assert (changed.state, changed.version, changed.is_tested) == (RuleState.dry_run, 2, False)
    narrowed = life.changed(active, RuleChange.model_validate({"when": {"pattern": "x"}}), NOW)
    assert (narrowed.state, narrowed.is_tested) == (RuleState.dry_run, False)


def test_a_disabled_rule_that_is_tried_is_on_dry_run_again() -> None:
    disabled = life.disabled(made(state=RuleState.active, is_tested=True), NOW)
    assert disabled.state is RuleState.disabled
    assert life.tried(disabled, 1, NOW).state is RuleState.dry_run
    assert life.activated(disabled, NOW).state is RuleState.active


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"when": {"pattern": "("}}, "when.pattern"),
        ({"then": {"permission": {"allow": ["ok", "("]}}}, "then.permission.allow.1"),
        ({"then": {"permission": {"deny": ["["]}}}, "then.permission.deny.0"),
        ({"then": {"answer": "{nothing}"}}, "then.answer"),
    ],
)
def test_what_is_wrong_is_refused_by_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRule) as refused:
        life.changed(made(), RuleChange.model_validate(change), NOW)
    assert [error.field for error in refused.value.errors] == [field]
