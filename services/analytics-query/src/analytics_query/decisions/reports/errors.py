"""Errors: how many, which ways to recover work, and how much of the error budget they burn."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from analytics_query.decisions.reports.definitions import Definition, Named, Two
from analytics_query.decisions.reports.error_groups import SEVERITIES, MetGroup, by_severity
from analytics_query.decisions.reports.reading import Reading
from analytics_query.decisions.reports.recipes import Portion
from analytics_query.decisions.reports.reckoned import Reckoned
from analytics_query.decisions.reports.words import counted, duration, entity_name, listed
from analytics_query.decisions.statistics.proportions import Share, wilson
from analytics_query.decisions.time_ranges import TimeRange
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import Dimension, parts_of
from contracts.analytics import ErrorBudget, Figure, Finding, Section, StrategyOutcome
from contracts.base import Level
from contracts.events.recovery import Severity
from contracts.tasks import FailureClass

RECOVERY = Definition(
    "recovery_rate",
    "percent",
    Portion(("successful",), ("tried",)),
    ("error_rate",),
    "higher",
    source="recovery, error",
)
BUDGET = Named(
    "error_budget_burned",
    "percent",
    "100 × (`tasks_failed` + `tasks_timed_out`) ÷ (`tasks_finished` × (100 − TASK_SUCCESS_OBJECTIVE_PERCENT) ÷ 100)",
    ("error_budget", "error_rate"),
    "lower",
)


def strategies_of(reading: Reading, fingerprint: str | None = None) -> list[StrategyOutcome]:
    """How often each way to recover worked, the most tried first; of one group, or of all."""
    if fingerprint is None:
        found = {name: reading.two(Dimension.strategy, name) for name in reading.entities(Dimension.strategy)}
    else:
        found = {
            parts_of(entity)[-1]: reading.two(Dimension.recovery, entity)
            for entity in reading.entities(Dimension.recovery)
            if parts_of(entity)[0] == fingerprint
        }
    outcomes = [outcome for name, two in found.items() if (outcome := _outcome(name, two)) is not None]
    return sorted(outcomes, key=lambda one: (-one.tried, one.strategy))


def budget_of(figures: Figures, objective_percent: float) -> ErrorBudget | None:
    """How much of the allowed failures is used up; None: no task has finished."""
    tasks = figures.counts.get("tasks_finished", 0)
    failed = figures.counts.get("tasks_failed", 0) + figures.counts.get("tasks_timed_out", 0)
    if tasks <= 0:
        return None
    allowed = tasks * (100 - objective_percent) / 100
    burned = 100 * failed / allowed if allowed else (100.0 if not failed else 100.0 * (failed + 1))
    return ErrorBudget(
        objective_percent=objective_percent,
        tasks=tasks,
        failed=failed,
        allowed=round(allowed, 3),
        burned_percent=round(burned, 2) if failed else 0.0,
    )


def failures_of(figures: Figures) -> dict[str, int]:
    """How many tasks failed or timed out, by why; none that did not."""
    counts = {why.value: figures.counts.get(f"failures:{why.value}", 0) for why in FailureClass}
    return {why: count for why, count in counts.items() if count > 0}


def budget_section(two: Two, objective_percent: float) -> Section:
    """The error budget, with its baseline."""
    budget, before = budget_of(two.now, objective_percent), budget_of(two.before, objective_percent)
    if budget is None:
        return Section(name="error_budget", title="Error budget", notes=["No task has finished in this time."])
    interval = wilson(Share(min(budget.failed, budget.tasks), budget.tasks))
    scale = 100 * budget.tasks / budget.allowed if budget.allowed else 0.0
    reckoned = Reckoned(budget.burned_percent, budget.tasks, interval.scaled(scale) if scale else interval.scaled(100))
    figure: Figure = BUDGET.figure(
        None,
        reckoned=reckoned,
        baseline=before.burned_percent if before else None,
        note=f"objective {objective_percent:g} %: {budget.allowed:g} of {budget.tasks} may fail, {budget.failed} did",
    )
    findings = [_overspent(budget)] if budget.burned_percent > 100 else []
    return Section(name="error_budget", title="Error budget", figures=[figure], findings=findings)


class Totals(NamedTuple):
    """How many errors there were in all."""

    most: int
    """How many; where of a worker or a task it is not known, the most that there can be."""
    least: int
    """The least that there can be."""
    by_severity: dict[str, int]
    """Empty where it is not known."""
    before: int | None = None
    """In the time before; None: it is not known."""

    @property
    def is_exact(self) -> bool:
        """Whether it is known how many there were."""
        return self.most == self.least


def totals_in(two: Two, severities: Collection[str]) -> Totals:
    """How many errors the figures of the whole or of a worker tell."""
    now, before = by_severity(two.now, severities), by_severity(two.before, severities)
    count = sum(now.values())
    return Totals(count, count, now, sum(before.values()))


def totals_of(groups: Sequence[MetGroup]) -> Totals:
    """How many errors some groups have."""
    found: Counter[str] = Counter()
    for group in groups:
        found.update(group.severities)
    count = sum(group.count for group in groups)
    told = {severity.value: found[severity] for severity in SEVERITIES if found[severity]}
    return Totals(count, sum(group.least for group in groups), told if sum(told.values()) == count else {})


def summary_of(groups: Sequence[MetGroup], totals: Totals, period: TimeRange, budget: ErrorBudget | None) -> list[str]:
    """What matters about the errors of a time, in words."""
    if not totals.most:
        return ["No error was reported in this time."]
    said = [_opening(groups, totals), *_most_frequent(groups, totals)]
    new = [group.known for group in groups if group.known.first_seen >= period.since]
    if new:
        said.append(f"New since {period.since:%Y-%m-%d %H:%M} UTC: {listed([group.error_type for group in new])}.")
    critical = totals.by_severity.get(Severity.critical, 0)
    if critical:
        said.append(f"{counted(critical, 'error is', 'errors are')} critical.")
    if budget is not None and budget.burned_percent > 100:
        said.append(_overspent(budget).text)
    return said


def _opening(groups: Sequence[MetGroup], totals: Totals) -> str:
    many = f"{_between(totals.least, totals.most, 'error')} in {'' if _all_exact(groups) else 'at most '}"
    change = "" if totals.before is None else f", against {totals.before:,} in the time before"
    unknown = "" if totals.is_exact else "; how many of their errors in this time are of the worker or task is not kept"
    return f"{many}{counted(len(groups), 'group')}{change}{unknown}."


def _most_frequent(groups: Sequence[MetGroup], totals: Totals) -> list[str]:
    if not groups:
        return []
    first = groups[0]
    share = f", {100 * min(first.count, totals.most) / totals.most:.0f} %" if first.is_exact else ""
    many = f"{first.count:,}" if first.is_exact else f"{first.least:,} to {first.count:,}"
    return [f"Most frequent: {first.known.error_type} ({many}{share}): {_line(first.known.message)}"]


def _between(least: int, most: int, noun: str) -> str:
    return counted(most, noun) if least == most else f"{least:,} to {counted(most, noun)}"


def _all_exact(groups: Sequence[MetGroup]) -> bool:
    return all(group.is_exact for group in groups)


def _outcome(name: str, two: Two) -> StrategyOutcome | None:
    tried = two.now.counts.get("tried", 0)
    if tried <= 0:
        return None
    successful = min(tried, max(0, two.now.counts.get("successful", 0)))
    return StrategyOutcome(
        strategy=entity_name(name) or "-", tried=tried, successful=successful, rate=RECOVERY.figure(two)
    )


def _overspent(budget: ErrorBudget) -> Finding:
    text = (
        f"The error budget is overspent: {budget.failed:,} of {budget.tasks:,} tasks failed, {budget.allowed:g} may "
        f"({budget.burned_percent:.0f} % burned)."
    )
    return Finding(
        kind="error_budget",
        severity=Level.critical if budget.burned_percent > 200 else Level.high,
        text=text,
        metric=BUDGET.name,
        effect=budget.burned_percent,
        effect_measure="percent",
        samples=budget.tasks,
    )


def _line(message: str) -> str:
    first = message.strip().splitlines()[0] if message.strip() else "no message"
    return first if len(first) <= 160 else f"{first[:159]}…"


def age(moment: datetime, now: datetime) -> str:
    """How long ago, in words."""
    return duration(max(0.0, (now - moment).total_seconds() * 1000))
