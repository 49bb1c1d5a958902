"""Errors in groups: how often, since when, whom they hit, and which ways to recover work."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from analytics_query.decisions.reports.definitions import Definition, Named, Two
from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.decisions.reports.recipes import Portion
from analytics_query.decisions.reports.reckoned import Reckoned
from analytics_query.decisions.reports.words import counted, duration, entity_name, listed
from analytics_query.decisions.statistics.proportions import Share, wilson
from analytics_query.decisions.time_ranges import TimeRange
from analytics_query.domain.rollups import Figures, Rollup
from analytics_query.domain.vocabulary import Dimension, parts_of
from contracts.analytics import ErrorBudget, ErrorGroup, Figure, Finding, Point, Section, StrategyOutcome
from contracts.base import Level
from contracts.events.recovery import Severity

SEVERITIES = tuple(Severity)
TRIED, SUCCESSFUL = ("recoveries_tried",), ("recoveries_successful",)
MOST_NAMED = 5
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


@dataclass(frozen=True, slots=True)
class KnownGroup:
    """A group as its table has it."""

    fingerprint: str
    error_type: str
    severity: Severity
    message: str
    place: str
    first_seen: datetime
    last_seen: datetime
    count: int
    """Ever."""
    of_filter: int | None = None
    """Ever, of the worker or task that was asked for."""


@dataclass(frozen=True, slots=True)
class Affected:
    """Whom a group has hit, by fingerprint."""

    workers: Mapping[str, list[tuple[str, int]]] = field(default_factory=dict[str, list[tuple[str, int]]])
    """With how often, most first."""
    tasks: Mapping[str, int] = field(default_factory=dict[str, int])


def groups_in(reading: Reading, known: Iterable[KnownGroup]) -> list[tuple[KnownGroup, int]]:
    """Groups with how often they occurred in the period, the most frequent first."""
    counted_groups = [(group, _count(reading, group)) for group in known]
    return sorted(
        ((group, count) for group, count in counted_groups if count > 0),
        key=lambda one: (-one[1], one[0].fingerprint),
    )


def shown_group(
    group: KnownGroup, count: int, reading: Reading, affected: Affected, strategies: Sequence[StrategyOutcome]
) -> ErrorGroup:
    """A group as the answer has it."""
    figures = reading.at(Span.now, Dimension.error, group.fingerprint)
    workers = affected.workers.get(group.fingerprint, [])
    tried = max(0, figures.counts.get("recoveries_tried", 0))
    return ErrorGroup(
        fingerprint=group.fingerprint,
        error_type=group.error_type,
        severity=group.severity,
        message=group.message,
        place=group.place or None,
        count=count,
        first_seen=group.first_seen,
        last_seen=group.last_seen,
        is_new=group.first_seen >= reading.period.since,
        workers=[worker for worker, _ in workers[:MOST_NAMED]],
        workers_affected=len(workers),
        tasks_affected=affected.tasks.get(group.fingerprint, 0),
        recoveries_tried=tried,
        recoveries_successful=min(tried, max(0, figures.counts.get("recoveries_successful", 0))),
        strategies=list(strategies),
        trend=trend(reading.series.get((Dimension.error, group.fingerprint), [])),
    )


def trend(series: Sequence[Rollup]) -> list[Point]:
    """How often in each stretch of time."""
    return [
        Point(at=datetime.fromtimestamp(one.key.bucket_s, UTC), value=count, samples=count)
        for one in series
        if (count := one.figures.counts.get("errors", 0)) > 0
    ]


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


def by_severity(figures: Figures) -> dict[str, int]:
    """How many errors of each severity, worst first."""
    counts = {severity.value: figures.counts.get(f"errors:{severity}", 0) for severity in SEVERITIES}
    return {severity: count for severity, count in counts.items() if count > 0}


def summary_of(
    groups: Sequence[tuple[KnownGroup, int]],
    total: int,
    before: int | None,
    period: TimeRange,
    budget: ErrorBudget | None,
) -> list[str]:
    """What matters about the errors of a time, in words."""
    if not total:
        return ["No error was reported in this time."]
    change = "" if before is None else f", against {before:,} in the time before"
    said = [f"{counted(total, 'error')} in {counted(len(groups), 'group')}{change}."]
    if groups:
        worst, count = groups[0]
        share = 100 * count / total if total >= count else 100
        said.append(f"Most frequent: {worst.error_type} ({count:,}, {share:.0f} %): {_line(worst.message)}")
    new = [group for group, _ in groups if group.first_seen >= period.since]
    if new:
        said.append(f"New since {period.since:%Y-%m-%d %H:%M} UTC: {listed([group.error_type for group in new])}.")
    critical = sum(count for group, count in groups if group.severity is Severity.critical)
    if critical:
        said.append(f"{counted(critical, 'error')} in groups that are critical.")
    if budget is not None and budget.burned_percent > 100:
        said.append(_overspent(budget).text)
    return said


def by_type(groups: Iterable[tuple[KnownGroup, int]]) -> dict[str, int]:
    """How many errors of each type, the most frequent first."""
    counts: Counter[str] = Counter()
    for group, count in groups:
        counts[group.error_type] += count
    return dict(counts.most_common(50))


def _count(reading: Reading, group: KnownGroup) -> int:
    count = reading.at(Span.now, Dimension.error, group.fingerprint).counts.get("errors", 0)
    # Roll-ups of a group are not kept by worker or task: of these no more can be than there ever were.
    return count if group.of_filter is None else min(count, group.of_filter)


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
