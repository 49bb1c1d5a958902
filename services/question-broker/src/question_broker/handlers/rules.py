"""Rules: made, changed, tried, activated, disabled, deleted."""

from collections.abc import Callable
from datetime import datetime

from contracts.rules import DryRun, DryRunRequest, NewRule, Rule, RuleChange
from question_broker.decisions.rules import life, trying
from question_broker.errors import RuleNotFound, TooManyRules
from question_broker.ports import Rules

MOST = 500
"""Each question is tried on all rules."""


async def create(rule_id: str, new: NewRule, rules: Rules, now: datetime) -> Rule:
    """Make a rule; it begins on dry-run. Raises InvalidRule, TooManyRules."""
    rule = life.made(rule_id, new, now)
    async with rules.transaction() as into:
        if await into.count() >= MOST:
            raise TooManyRules(f"there are {MOST} rules, and no more may be; delete one first")
        await into.add(rule)
    return rule


async def get(rule_id: str, rules: Rules) -> Rule:
    """One rule. Raises RuleNotFound."""
    rule = await rules.get(rule_id)
    if rule is None:
        raise not_found(rule_id)
    return rule


async def change(rule_id: str, given: RuleChange, rules: Rules, now: datetime) -> Rule:
    """Change a rule. Raises RuleNotFound, InvalidRule."""
    return await _changed(rule_id, rules, lambda rule: life.changed(rule, given, now))


async def activate(rule_id: str, rules: Rules, now: datetime) -> Rule:
    """Let a rule answer from now on. Raises RuleNotFound, RuleNotTested."""
    return await _changed(rule_id, rules, lambda rule: life.activated(rule, now))


async def disable(rule_id: str, rules: Rules, now: datetime) -> Rule:
    """Let a rule do nothing from now on. Raises RuleNotFound."""
    return await _changed(rule_id, rules, lambda rule: life.disabled(rule, now))


async def delete(rule_id: str, rules: Rules) -> None:
    """Delete a rule. Raises RuleNotFound."""
    async with rules.transaction() as into:
        if not await into.delete(rule_id):
            raise not_found(rule_id)


async def dry_run(rule_id: str, wanted: DryRunRequest, rules: Rules, now: datetime) -> DryRun:
    """Try a rule on past questions; its present version counts as tested then, and a disabled one is on dry-run again.

    Raises RuleNotFound.
    """
    rule = await get(rule_id, rules)
    past, repositories = await rules.past(wanted)
    report = trying.dry_run(rule, past, repositories, now)
    await _changed(rule_id, rules, lambda known: life.tried(known, report.version, now))
    return report


def not_found(rule_id: str) -> RuleNotFound:
    """The error for an id that no rule has."""
    return RuleNotFound(f"there is no rule {rule_id!r}; manage_rules with action list shows those there are")


async def _changed(rule_id: str, rules: Rules, decide: Callable[[Rule], Rule]) -> Rule:
    async with rules.transaction() as into:
        before = await into.lock(rule_id)
        if before is None:
            raise not_found(rule_id)
        after = decide(before)
        if after is not before:
            await into.save(after)
        return after
