"""Rules in text."""

from contracts.rules import DryRun, DryRunHit, Rule, RuleAction, RuleConditions
from mcp_gateway.domain.ruling import RuleList
from mcp_gateway.mcp.text.layout import cell, more, number, table

_HEADER = ("RULE", "POSITION", "STATE", "HITS", "DRY-RUN HITS", "NAME", "WHEN", "THEN")
_HITS = ("QUESTION", "AGREES", "WOULD ANSWER", "REAL ANSWER", "ASKED")
_SHOWN = 20
_UNSEEN = "Activated now, it would answer what nobody has seen it answer; on dry-run it notes what it meets."


def managed(answer: RuleList) -> str:
    """After `manage_rules`."""
    if answer.deleted is not None:
        return f"Rule {answer.deleted} is deleted. What it has answered stays answered."
    if answer.dry_run is not None:
        return _tried(answer.dry_run)
    if not answer.rules:
        return "No rules."
    return table(_HEADER, [_row(rule) for rule in answer.rules]) + _next(answer.rules) + more(answer.next_cursor)


def _row(rule: Rule) -> tuple[str, ...]:
    return (
        rule.rule_id,
        str(rule.position),
        rule.state.value,
        str(rule.hits),
        str(rule.dry_run_hits),
        cell(rule.name, 40),
        cell(_conditions(rule.when)),
        cell(_action(rule.then)),
    )


def _conditions(when: RuleConditions) -> str:
    said = [
        ("kind", " or ".join(when.kinds)),
        ("type", " or ".join(when.question_types)),
        ("priority", " or ".join(when.priorities)),
        ("pattern", when.pattern),
        ("repository", when.repository),
        ("worker", when.worker),
    ]
    return ", ".join(f"{name} {value}" for name, value in said if value) or "every question"


def _action(then: RuleAction) -> str:
    if then.permission is not None:
        return f"allow {' | '.join(then.permission.allow) or '-'}; deny {' | '.join(then.permission.deny) or '-'}"
    if then.decision is not None:
        terms = [then.decision.amount_granted, f"{then.decision.duration_ms} ms" if then.decision.duration_ms else None]
        return " ".join([then.decision.decision, *(term for term in terms if term)])
    return f"answer: {then.answer}"


def _next(rules: list[Rule]) -> str:
    """What can be done with a single rule that is not active yet."""
    if len(rules) != 1 or rules[0].state != "dry_run":
        return ""
    if rules[0].is_tested:
        return "\n\nIt was on dry-run: action activate lets it answer."
    return "\n\nIt answers nothing yet: try it with action dry_run, then activate it."


def _tried(report: DryRun) -> str:
    agreement = "-" if report.agreement_percent is None else f"{number(report.agreement_percent)}%"
    head = (
        f"Rule {report.rule_id} (version {report.version}) would have answered {report.matched} of {report.examined} "
        f"past questions.\nAgreement with the real answers: {agreement} ({report.agreed} the same, "
        f"{report.disagreed} other, {report.unanswered} that nobody has answered)."
    )
    if not report.hits:
        return f"{head}\n{_UNSEEN}"
    shown = report.hits[:_SHOWN]
    left = report.matched - len(shown)
    rest = f"\n… and {left} more." if left else ""
    return f"{head}\n\n{table(_HITS, [_hit(hit) for hit in shown])}{rest}"


def _hit(hit: DryRunHit) -> tuple[str, ...]:
    agrees = "-" if hit.agrees is None else "yes" if hit.agrees else "NO"
    real = cell(hit.answer, 40) if hit.answer else hit.state.value
    return hit.question_id, agrees, cell(hit.would_answer, 40), real, cell(hit.question)
