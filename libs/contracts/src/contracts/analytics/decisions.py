"""Decisions of workers, by type, and how their tasks ended."""

from contracts.analytics.figures import Figure, Number, Standing
from contracts.base import Count, EventId, Model, Name, OptionalText, Percent, TaskId, Text, UtcTime, WorkerId


class DecisionView(Model):
    """One decision, and how its task ended."""

    event_id: EventId
    task_id: TaskId | None = None
    attempt: Count | None = None
    worker_id: WorkerId
    decision_type: Name
    description: OptionalText | None = None
    chosen_option: OptionalText
    alternatives: list[Text] = []
    reasoning: OptionalText | None = None
    """Only with include_reasoning."""
    impact_assessment: OptionalText | None = None
    confidence_percent: Percent | None = None
    decided_at: UtcTime
    outcome: Name | None = None
    """How the attempt ended; None: it has not."""
    reverses: EventId | None = None
    """An earlier decision of the task that this one takes back."""


class DecisionPattern(Model):
    """Decisions of one type, and how their attempts ended."""

    decision_type: Name
    count: Count
    attempts: Count = 0
    """Ended attempts that took such decisions."""
    completed: Count = 0
    success: Figure
    others_success: Figure
    """Of attempts that took none of this type."""
    alternatives_mean: Number | None = None
    confidence_mean: Number | None = None
    reversals: Count = 0


class DecisionAnalysis(Model):
    """Answer of `analyze_decisions`."""

    since: UtcTime
    until: UtcTime
    time_range: Name
    patterns: list[DecisionPattern] = []
    decisions: list[DecisionView] = []
    """Newest first."""
    next_cursor: str | None = None
    summary: list[Text] = []
    notes: list[Text] = []
    standing: Standing
