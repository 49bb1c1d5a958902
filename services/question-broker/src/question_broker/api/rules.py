"""Rules that answer questions, and what they have answered."""

from typing import Annotated

from fastapi import APIRouter, Request

from contracts.base import Page
from contracts.rules import DryRun, DryRunHit, DryRunRequest, NewRule, Rule, RuleChange, RuleId, RuleState
from question_broker.api.cursors import beyond
from question_broker.handlers import rules as handlers
from question_broker.ports import Rules
from servicekit.clock import Clock
from servicekit.http import strict
from servicekit.ids import new_id
from servicekit.paging import PageCursor, PageLimit, after, page

router = APIRouter(prefix="/rules")


@router.get("", response_model_exclude_none=True)
async def list_rules(
    request: Request, state: RuleState | None = None, cursor: PageCursor = None, limit: PageLimit = 50
) -> Page[Rule]:
    """Rules in the order in which they are tried."""
    rows = await _rules(request).page(state, beyond(cursor), limit + 1)
    return page(rows, limit, lambda rule: (rule.position, rule.rule_id), lambda rule: rule)


@router.post("", status_code=201, response_model_exclude_none=True)
async def create_rule(request: Request, new: Annotated[NewRule, strict(NewRule)]) -> Rule:
    """Make a rule; it begins on dry-run."""
    return await handlers.create(new_id("rule"), new, _rules(request), _clock(request).now())


@router.get("/{rule_id}", response_model_exclude_none=True)
async def get_rule(request: Request, rule_id: RuleId) -> Rule:
    """One rule."""
    return await handlers.get(rule_id, _rules(request))


@router.patch("/{rule_id}", response_model_exclude_none=True)
async def change_rule(request: Request, rule_id: RuleId, change: Annotated[RuleChange, strict(RuleChange)]) -> Rule:
    """Change a rule; other conditions or another answer put it back on dry-run."""
    return await handlers.change(rule_id, change, _rules(request), _clock(request).now())


@router.delete("/{rule_id}", status_code=204)
async def delete_rule(request: Request, rule_id: RuleId) -> None:
    """Delete a rule; what it has answered stays answered."""
    await handlers.delete(rule_id, _rules(request))


@router.post("/{rule_id}/activate", response_model_exclude_none=True)
async def activate_rule(request: Request, rule_id: RuleId) -> Rule:
    """Let a rule that was on dry-run answer from now on."""
    return await handlers.activate(rule_id, _rules(request), _clock(request).now())


@router.post("/{rule_id}/disable", response_model_exclude_none=True)
async def disable_rule(request: Request, rule_id: RuleId) -> Rule:
    """Let a rule do nothing from now on."""
    return await handlers.disable(rule_id, _rules(request), _clock(request).now())


@router.post("/{rule_id}/dry-run", response_model_exclude_none=True)
async def dry_run_rule(
    request: Request, rule_id: RuleId, wanted: Annotated[DryRunRequest, strict(DryRunRequest)]
) -> DryRun:
    """Try a rule on past questions: what it would have answered, beside what was."""
    return await handlers.dry_run(rule_id, wanted, _rules(request), _clock(request).now())


@router.get("/{rule_id}/hits", response_model_exclude_none=True)
async def list_hits(
    request: Request, rule_id: RuleId, cursor: PageCursor = None, limit: PageLimit = 50
) -> Page[DryRunHit]:
    """What a rule has answered, or would have on dry-run, newest first, beside what really came of it."""
    rules = _rules(request)
    await handlers.get(rule_id, rules)
    rows = await rules.hits(rule_id, after(cursor), limit + 1)
    return page(rows, limit, lambda row: (row[0], row[1].question_id), lambda row: row[1])


def _rules(request: Request) -> Rules:
    return request.app.state.rules


def _clock(request: Request) -> Clock:
    return request.app.state.clock
