"""What reports are made of: figures, series, rankings and findings, and the answers of analytics-query."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from contracts.base import (
    Count,
    EventId,
    JsonObject,
    Level,
    Model,
    Name,
    OptionalText,
    Percent,
    TaskId,
    Text,
    UtcTime,
    WorkerId,
)
from contracts.events import Evidence
from contracts.events.recovery import Severity

Number = Annotated[float, Field(allow_inf_nan=False)]


class EntityType(StrEnum):
    """What a report is about. `system` has no id; the last three group tasks."""

    task = "task"
    worker = "worker"
    system = "system"
    repository = "repository"
    agent = "agent"
    model = "model"


class ReportType(StrEnum):
    """What `performance_report` reports on."""

    task = "task"
    worker = "worker"
    system = "system"
    comparative = "comparative"


class PerformanceMetric(StrEnum):
    """Groups of figures that a performance report can be narrowed to."""

    all = "all"
    execution_time = "execution_time"
    success_rate = "success_rate"
    completion_rate = "completion_rate"
    error_rate = "error_rate"
    retry_rate = "retry_rate"
    throughput = "throughput"
    utilization = "utilization"
    tasks_per_hour = "tasks_per_hour"
    response_time = "response_time"
    queue = "queue"
    resource_usage = "resource_usage"
    memory = "memory"
    cpu = "cpu"
    io = "io"
    network = "network"
    network_latency = "network_latency"
    database = "database"
    api_quota = "api_quota"
    tokens = "tokens"
    cost = "cost"
    phases = "phases"
    bottlenecks = "bottlenecks"
    regressions = "regressions"
    trust = "trust"
    questions = "questions"
    error_budget = "error_budget"


class QualityMetric(StrEnum):
    """Groups of figures of the quality dashboard."""

    all = "all"
    coverage = "coverage"
    complexity = "complexity"
    maintainability = "maintainability"
    security = "security"
    performance = "performance"
    tests = "tests"
    bugs = "bugs"
    dependencies = "dependencies"
    regressions = "regressions"


Direction = Literal["higher", "lower"]
"""Which way a figure gets better."""


class Figure(Model):
    """One figure. `value` None: there is nothing to compute it from."""

    name: Name
    """A stable key, such as `execution_time_p95`."""
    value: Number | None = None
    unit: Name
    """ms, percent, count, per_hour, per_second, mb, mb_per_hour, usd, tokens, score, …"""
    samples: Count = 0
    """How many observations it rests on."""
    low: Number | None = None
    """Lower end of the 95 % confidence interval."""
    high: Number | None = None
    evidence: Evidence | None = None
    """The weakest evidence among what it rests on; None: the platform's own books."""
    better: Direction | None = None
    baseline: Number | None = None
    """What it is compared with: the same figure of the time before, of the same length."""
    note: OptionalText | None = None


class Point(Model):
    """A value of a series."""

    at: UtcTime
    """Beginning of the stretch of time."""
    value: Number
    samples: Count = 0


class Series(Model):
    """A figure over time, oldest first."""

    name: Name
    unit: Name
    resolution: Name
    """minute, hour or day."""
    points: list[Point] = []
    evidence: Evidence | None = None


class Row(Model):
    """One entity among others, with its figures."""

    entity_type: Name
    entity_id: Name
    rank: Count | None = None
    figures: list[Figure] = []


class Finding(Model):
    """Something worth knowing, said in words, with what it rests on."""

    kind: Name
    """bottleneck, regression, improvement, memory_leak, cpu_spike, quota, flaky_test, disagreement, difference, …"""
    severity: Level = Level.medium
    text: Text
    entity_type: Name | None = None
    entity_id: OptionalText | None = None
    metric: Name | None = None
    effect: Number | None = None
    """Size of the effect, in the measure that `effect_measure` names."""
    effect_measure: Name | None = None
    """cliffs_delta (-1 to 1), percentage_points, mads, mb_per_hour, …"""
    p_value: Annotated[float, Field(ge=0, le=1)] | None = None
    samples: Count = 0
    evidence: Evidence | None = None


class Section(Model):
    """A part of a report."""

    name: Name
    title: Name
    figures: list[Figure] = []
    series: list[Series] = []
    rows: list[Row] = []
    findings: list[Finding] = []
    notes: list[Text] = []


class Standing(Model):
    """Of which state of the projections an answer speaks."""

    position: Count = 0
    """Counts the transactions of the projection; the same position gives the same answer."""
    computed_at: UtcTime
    cached: bool = False


class AnalyticsReport(Model):
    """Answer of `get_analytics`, `performance_report` and `quality_dashboard`."""

    report: Name
    entity_type: EntityType
    entity_ids: list[Name] = []
    since: UtcTime
    until: UtcTime
    time_range: Name
    """As it was asked for, such as `last_hour`."""
    summary: list[Text] = []
    """What matters, in words, most important first."""
    sections: list[Section] = []
    data: dict[str, JsonObject] = {}
    """The last reported analytics data of each type, of the entities asked for (`get_analytics`)."""
    notes: list[Text] = []
    standing: Standing


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
    by_severity: dict[str, Count] = {}
    by_type: dict[str, Count] = {}
    groups: list[ErrorGroup] = []
    next_cursor: str | None = None
    strategies: list[StrategyOutcome] = []
    """Over all groups; only with include_recovery."""
    budget: ErrorBudget | None = None
    series: list[Series] = []
    summary: list[Text] = []
    notes: list[Text] = []
    standing: Standing


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
