"""See and change the rules that answer workers' questions."""

from contracts.rules import DryRunRequest, NewRule, RuleChange
from mcp_gateway.domain.ruling import SAYS, ManageRules, RuleList, RulesAction
from mcp_gateway.ports import Call


async def manage_rules(given: ManageRules, call: Call) -> RuleList:
    """List the rules, or do something with one of them. Raises NotFound for an unknown rule."""
    rules, rule_id = call.upstreams.questions, given.rule_id or ""
    match given.action:
        case RulesAction.list:
            return await _list(given, call)
        case RulesAction.create:
            new = NewRule.model_validate(_said(given) | {"created_by": call.actor})
            return RuleList(rules=[await rules.create_rule(new)])
        case RulesAction.update:
            change = RuleChange.model_validate(_said(given))
            return RuleList(rules=[await rules.change_rule(rule_id, change)])
        case RulesAction.delete:
            await rules.delete_rule(rule_id)
            return RuleList(deleted=rule_id)
        case RulesAction.activate:
            return RuleList(rules=[await rules.activate_rule(rule_id)])
        case RulesAction.disable:
            return RuleList(rules=[await rules.disable_rule(rule_id)])
        case RulesAction.dry_run:
            return RuleList(dry_run=await rules.dry_run_rule(rule_id, _wanted(given)))


async def _list(given: ManageRules, call: Call) -> RuleList:
    if given.rule_id is not None:
        return RuleList(rules=[await call.upstreams.questions.rule(given.rule_id)])
    page = await call.upstreams.questions.rules(given.state, given.cursor, given.limit)
    return RuleList(rules=page.items, next_cursor=page.next_cursor)


def _said(given: ManageRules) -> dict[str, object]:
    return {name: getattr(given, name) for name in SAYS if getattr(given, name) is not None}


def _wanted(given: ManageRules) -> DryRunRequest:
    said = {"since": given.since, "until": given.until, "limit": given.questions}
    return DryRunRequest.model_validate({name: value for name, value in said.items() if value is not None})
