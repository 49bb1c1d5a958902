"""The analysis of errors in text."""

from collections.abc import Mapping, Sequence

from contracts.analytics import ErrorAnalysis, ErrorBudget, ErrorGroup, StrategyOutcome
from mcp_gateway.mcp.text.charts import bar
from mcp_gateway.mcp.text.figures import interval, level, plain, quantity, series_table, trend
from mcp_gateway.mcp.text.frame import STRUCTURED, closing, fitting, left_out, noted, period, summary
from mcp_gateway.mcp.text.layout import (
    aligned,
    cell,
    counted,
    filled,
    indented,
    lines_below,
    moment,
    more,
    number,
    section,
)

MAX_TYPES = 10
MAX_STRATEGIES = 10
MAX_WORKERS = 5
MAX_TRIED = 3

_STRATEGIES = ("STRATEGY", "TRIED", "WORKED", "RATE", "", "INTERVAL", "EVIDENCE")


def analyzed(analysis: ErrorAnalysis) -> str:
    """After `error_analysis`."""
    parts = [
        _head(analysis),
        summary(analysis.summary),
        _counts("By severity:", analysis.by_severity),
        _counts("By type:", analysis.by_type),
        _budget(analysis.budget),
        _counts("Failed tasks by class:", analysis.failures),
        section(
            "Over time:", indented(series_table(analysis.series)) if any(s.points for s in analysis.series) else []
        ),
        _groups(analysis),
        _strategies(analysis.strategies),
        noted(analysis.notes),
        closing(analysis.standing, _levels(analysis)),
    ]
    return "\n\n".join(part for part in parts if part)


def _head(analysis: ErrorAnalysis) -> str:
    when = period(analysis.time_range, analysis.since, analysis.until)
    least = "" if analysis.least is None else f"{analysis.least:,} to "
    return f"Error analysis: {least}{counted(analysis.total, 'error')}\n{when}"


def _counts(title: str, counts: Mapping[str, int]) -> str:
    most = max(counts.values(), default=0)
    if not most:
        return ""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    rows = [(cell(name), bar(count / most), f"{count:,}") for name, count in ranked[:MAX_TYPES]]
    return section(title, indented(aligned(rows, right={2})) + left_out(len(ranked) - MAX_TYPES, "types"))


def _budget(budget: ErrorBudget | None) -> str:
    if budget is None:
        return ""
    over = ", more than there is" if budget.burned_percent > 100 else ""
    burned = f"{number(budget.burned_percent)} % of the budget is used up{over}"
    return section(
        "Error budget:",
        [
            f"  {bar(budget.burned_percent / 100)} {burned}",
            f"  {number(budget.objective_percent)} % of tasks should complete: {plain(budget.allowed)} of "
            f"{budget.tasks:,} may fail, {budget.failed:,} failed",
        ],
    )


def _groups(analysis: ErrorAnalysis) -> str:
    shown = fitting(map(_group, analysis.groups))
    hidden = left_out(len(analysis.groups) - len(shown), "groups", f"{STRUCTURED}, and a smaller limit shorter pages")
    return section("Groups, the most frequent first:", shown + hidden) + more(analysis.next_cursor)


def _group(group: ErrorGroup) -> str:
    how = f"{group.severity}, new" if group.is_new else group.severity
    lines = [
        f"  - {group.count:,} × {cell(group.error_type)} ({how}): {lines_below(group.message, ' ' * 6)}",
        f"      at: {cell(group.place, 200)}" if group.place else "",
        f"      seen: {moment(group.first_seen)} to {moment(group.last_seen)}; {_affected(group)}",
        f"      trend: {trend(group.trend)}" if len(group.trend) > 1 else "",
        _recovered(group),
        f"      fingerprint: {cell(group.fingerprint)}",
    ]
    return "\n".join(line for line in lines if line)


def _affected(group: ErrorGroup) -> str:
    names = ", ".join(group.workers[:MAX_WORKERS])
    hidden = max(group.workers_affected, len(group.workers)) - min(len(group.workers), MAX_WORKERS)
    others = f" and {hidden:,} more" if hidden > 0 else ""
    return f"{counted(group.tasks_affected, 'task')} on {names or 'no worker'}{others}"


def _recovered(group: ErrorGroup) -> str:
    if not group.recoveries_tried:
        return ""
    tried = [_strategy(outcome) for outcome in group.strategies[:MAX_TRIED]]
    ways = f": {'; '.join(tried)}" if tried else ""
    return f"      recovered: {group.recoveries_successful:,} of {group.recoveries_tried:,} tries{ways}"


def _strategy(outcome: StrategyOutcome) -> str:
    rate = quantity(outcome.rate.value, outcome.rate.unit)
    share = f"{outcome.successful:,} of {outcome.tried:,}, {rate} {interval(outcome.rate)}".rstrip()
    return f"{cell(outcome.strategy)} {share} [{level(outcome.rate.evidence)}]"


def _strategies(outcomes: Sequence[StrategyOutcome]) -> str:
    if not outcomes:
        return ""
    rows = [
        (
            cell(one.strategy),
            f"{one.tried:,}",
            f"{one.successful:,}",
            quantity(one.rate.value, one.rate.unit),
            bar((one.rate.value or 0) / 100),
            interval(one.rate),
            level(one.rate.evidence),
        )
        for one in outcomes[:MAX_STRATEGIES]
    ]
    lines = indented(filled(_STRATEGIES, rows, right={"TRIED", "WORKED", "RATE"}))
    return section("Ways to recover:", lines + left_out(len(outcomes) - MAX_STRATEGIES, "ways"))


def _levels(analysis: ErrorAnalysis) -> set[str]:
    rates = [one.rate for one in analysis.strategies]
    rates += [one.rate for group in analysis.groups for one in group.strategies[:MAX_TRIED]]
    return {level(rate.evidence) for rate in rates} | {level(one.evidence) for one in analysis.series if one.points}
