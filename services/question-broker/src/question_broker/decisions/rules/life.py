"""The life of a rule: made on dry-run, activated when it was tested, changed, disabled."""

from datetime import datetime
from typing import Any

from contracts.rules import NewRule, Rule, RuleAction, RuleChange, RuleConditions, RuleState
from question_broker.decisions.rules import patterns, templates
from question_broker.errors import RuleNotTested


def made(rule_id: str, new: NewRule, now: datetime) -> Rule:
    """A new rule. Raises InvalidRule."""
    check(new.when, new.then)
    return Rule(
        rule_id=rule_id,
        name=new.name,
        description=new.description,
        position=new.position,
        state=RuleState.dry_run,
        when=new.when,
        then=new.then,
        version=1,
        is_tested=False,
        created_by=new.created_by,
        created_at=now,
        updated_at=now,
    )


def changed(rule: Rule, change: RuleChange, now: datetime) -> Rule:
    """The changed rule: on dry-run again, and not tested, if it would do anything else now. Raises InvalidRule."""
    given: dict[str, Any] = {
        name: getattr(change, name) for name in change.model_fields_set if getattr(change, name) is not None
    }
    after = rule.model_copy(update={**given, "updated_at": now})
    check(after.when, after.then)
    if (after.when, after.then) == (rule.when, rule.then):
        return after
    state = RuleState.dry_run if rule.state is RuleState.active else rule.state
    return after.model_copy(update={"state": state, "version": rule.version + 1, "is_tested": False})


def activated(rule: Rule, now: datetime) -> Rule:
    """The rule that answers from now on. Raises RuleNotTested."""
    if rule.state is RuleState.active:
        return rule
    if not rule.is_tested:
        raise RuleNotTested(
            f"rule {rule.rule_id} ({rule.name}) was not on dry-run in its version {rule.version}: try it on past "
            f"questions (POST /v1/rules/{rule.rule_id}/dry-run, or manage_rules with action dry_run), or leave it on "
            "dry_run until it has met a question"
        )
    return rule.model_copy(update={"state": RuleState.active, "updated_at": now})


def disabled(rule: Rule, now: datetime) -> Rule:
    """The rule that does nothing from now on."""
    if rule.state is RuleState.disabled:
        return rule
    return rule.model_copy(update={"state": RuleState.disabled, "updated_at": now})


def tried(rule: Rule, version: int, now: datetime) -> Rule:
    """The rule after that version of it was tried on past questions; a disabled one is on dry-run again."""
    if version != rule.version:
        return rule
    state = RuleState.dry_run if rule.state is RuleState.disabled else rule.state
    if rule.is_tested and state is rule.state:
        return rule
    return rule.model_copy(update={"state": state, "is_tested": True, "updated_at": now})


def check(when: RuleConditions, then: RuleAction) -> None:
    """Raises InvalidRule for a pattern or a placeholder that is none."""
    listed = [("when.pattern", when.pattern)] if when.pattern else []
    if then.permission is not None:
        for name in ("allow", "deny"):
            given = enumerate(getattr(then.permission, name))
            listed += [(f"then.permission.{name}.{at}", pattern) for at, pattern in given]
    for field, pattern in listed:
        patterns.check(field, pattern)
    if then.answer is not None:
        templates.check(then.answer, patterns.groups_of(when.pattern) if when.pattern else frozenset())
