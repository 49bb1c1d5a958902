"""Errors in groups, how often they were recovered from, and how many are allowed."""

from contracts.analytics.figures import Figure, Number, Point, Series, Standing
from contracts.base import Count, Model, Name, OptionalText, Percent, Text, UtcTime, WorkerId
from contracts.events.recovery import Severity


class StrategyOutcome(Model):
    """How often a way to recover worked."""

    strategy: Text
    tried: Count
    successful: Count
    rate: Figure


class ErrorGroup(Model):
    """Errors that are the same but for their variable parts."""

    fingerprint: Name
    error_type: Name
    severity: Severity
    """The worst of them."""
    message: OptionalText
    """Of the first one."""
    place: OptionalText | None = None
    """The innermost frame of its stack, if it had one."""
    count: Count
    first_seen: UtcTime
    """Ever."""
    last_seen: UtcTime
    is_new: bool
    """Not seen before the time asked for."""
    workers: list[WorkerId] = []
    """The most affected ones."""
    workers_affected: Count = 0
    tasks_affected: Count = 0
    recoveries_tried: Count = 0
    recoveries_successful: Count = 0
    strategies: list[StrategyOutcome] = []
    trend: list[Point] = []


class ErrorBudget(Model):
    """How much of the failures that the objective allows is used up."""

    objective_percent: Percent
    """Share of tasks that should complete."""
    tasks: Count
    failed: Count
    allowed: Number
    burned_percent: Number
    """100: all that is allowed; above: more."""


class ErrorAnalysis(Model):
    """Answer of `error_analysis`: groups, the most frequent first."""

    since: UtcTime
    until: UtcTime
    time_range: Name
    total: Count
    """Where of a worker or a task it is not known how many there were, the most that there can be."""
    least: Count | None = None
    """The least that there can be, where `total` is the most."""
    by_severity: dict[str, Count] = {}
    by_type: dict[str, Count] = {}
    groups: list[ErrorGroup] = []
    next_cursor: str | None = None
    strategies: list[StrategyOutcome] = []
    """Over all groups; only with include_recovery."""
    budget: ErrorBudget | None = None
    failures: dict[str, Count] = {}
    """Tasks that failed or timed out in this time, of all workers, by `FailureClass`."""
    series: list[Series] = []
    summary: list[Text] = []
    notes: list[Text] = []
    standing: Standing
