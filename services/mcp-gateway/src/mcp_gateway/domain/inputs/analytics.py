"""Inputs of the tools that report: analytics, performance, quality, decisions and errors."""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.analytics import EntityType, PerformanceMetric, QualityMetric, ReportType
from contracts.base import ID_PATTERN, Model, Name, TaskId, WorkerId
from contracts.events.recovery import Severity
from contracts.events.reporting import AnalyticsType
from mcp_gateway.domain.inputs.base import OneOrMany, Paged, PageSize

ALWAYS = "all"
LAST_DAY = "last_24_hours"
LAST_MONTH = "last_30_days"
TIME_RANGES = (
    "last_15_minutes, last_hour, last_6_hours, last_24_hours, last_7_days, last_30_days, last_90_days, today, "
    "yesterday, this_week, this_month or all; a number with m, h, d or w, such as 36h; an ISO 8601 duration (PT36H) "
    "or interval (2026-11-01T00:00:00Z/2026-11-08T00:00:00Z, 2026-11-01/P7D)"
)

TimeRange = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Field(
        description=f"Period to look at: {TIME_RANGES}. Left out where tasks are named: all of their time.",
        examples=["last_hour", "last_7_days", "36h", "2026-11-01/P7D"],
    ),
]

AnalyticsMetric = StrEnum(
    "AnalyticsMetric", list(dict.fromkeys(metric.value for metric in (*PerformanceMetric, *QualityMetric)))
)
"""What `get_analytics` can be narrowed to: the groups of figures of both kinds of reports."""

_ONE_ID = frozenset({EntityType.task.value, EntityType.worker.value})


class Ranged(Model):
    """What every report takes."""

    time_range: TimeRange = LAST_DAY

    @property
    def period(self) -> str:
        """The period that is meant: a task that was named is looked at as a whole unless a period was given too."""
        return ALWAYS if self.is_about_tasks and "time_range" not in self.model_fields_set else self.time_range

    @property
    def is_about_tasks(self) -> bool:
        """Whether single tasks were named."""
        return False


class Entities(Ranged):
    """What every report about entities takes."""

    entity_id: OneOrMany[Name] = []
    """Specific entity ID (one or more): of a task, a worker, or the name of a repository, agent or model."""
    entity_ids: OneOrMany[Name] = []
    """The same: entity_id and entity_ids are taken together."""

    @property
    def ids(self) -> list[str]:
        """All ids that were given, each once."""
        return list(dict.fromkeys([*self.entity_id, *self.entity_ids]))

    def check_ids(self, named: str, about: str) -> None:
        """Raise ValueError when there are ids too many, too few, or of a wrong form; `named` is what says so."""
        ids = self.ids
        field = "entity_ids" if self.entity_ids and not self.entity_id else "entity_id"
        if about == EntityType.system and ids:
            others = ", ".join(kind for kind in (EntityType if named == "entity_type" else ReportType) if kind != about)
            raise ValueError(
                f"{field}: {named} system takes no ids, but {_some(ids)} was given; {named} says what that is: {others}"
            )
        if about == EntityType.task and not ids:
            raise ValueError(f"entity_id: {named} task needs the id of a task, or several; list_tasks shows them")
        if about == ReportType.comparative and len(ids) == 1:
            raise ValueError(
                f"{field}: {named} comparative needs two ids or more, but only {ids[0]} was given; "
                "with none it compares all workers"
            )
        wrong = [one for one in ids if about in _ONE_ID and not re.match(ID_PATTERN, one)]
        if wrong:
            raise ValueError(f"{field}: {_some(wrong)} is not the id of a {about}; it must match {ID_PATTERN}")


class GetAnalytics(Entities):
    """Input of `get_analytics`."""

    entity_type: EntityType = EntityType.system
    """What to look at. task needs ids, system takes none, the others show all unless ids are given."""
    analytics_type: OneOrMany[AnalyticsType] = []
    """Type of analytics (one or more); left out: all."""
    metrics: OneOrMany[AnalyticsMetric] = []
    """Groups of figures (one or more); left out: all."""

    @property
    def is_about_tasks(self) -> bool:
        """Whether single tasks were named."""
        return self.entity_type is EntityType.task

    @model_validator(mode="after")
    def _has_fitting_ids(self) -> Self:
        self.check_ids("entity_type", self.entity_type)
        return self


class PerformanceReport(Entities):
    """Input of `performance_report`."""

    report_type: ReportType = ReportType.system
    """task: needs ids. worker: the ones with these ids, or all. system: the whole. comparative: two ids or more of one
    kind (workers, repositories, agents, models or tasks) against each other, or all workers."""
    metrics: OneOrMany[PerformanceMetric] = []
    """Groups of figures (one or more); left out or all: every one."""
    limit: PageSize = 20
    """Most entries of a ranking."""

    @property
    def is_about_tasks(self) -> bool:
        """Whether single tasks were named."""
        return self.report_type is ReportType.task

    @model_validator(mode="after")
    def _has_fitting_ids(self) -> Self:
        self.check_ids("report_type", self.report_type)
        return self


class QualityDashboard(Entities):
    """Input of `quality_dashboard`."""

    entity_type: EntityType = EntityType.system
    """What to look at. task needs ids, system takes none, the others show all unless ids are given."""
    metrics: OneOrMany[QualityMetric] = []
    """Groups of figures (one or more); left out or all: every one."""
    time_range: TimeRange = LAST_MONTH

    @property
    def is_about_tasks(self) -> bool:
        """Whether single tasks were named."""
        return self.entity_type is EntityType.task

    @model_validator(mode="after")
    def _has_fitting_ids(self) -> Self:
        self.check_ids("entity_type", self.entity_type)
        return self


class AnalyzeDecisions(Ranged, Paged):
    """Input of `analyze_decisions`."""

    task_id: TaskId | None = None
    """Task to analyze; left out: all tasks."""
    decision_type: Name | None = None
    """Type of decisions: architectural, technical, tooling, testing, scope, or the worker's own word; left out: all."""
    include_reasoning: bool = False
    """Include reasoning details."""
    limit: PageSize = 20
    """Most decisions on the page."""

    @property
    def is_about_tasks(self) -> bool:
        """Whether a single task was named."""
        return self.task_id is not None


class ErrorAnalysisInput(Ranged, Paged):
    """Input of `error_analysis`."""

    error_type: Name | None = None
    """Type of errors, such as ImportError, test_failure, timeout; left out: all."""
    severity_filter: OneOrMany[Severity] = []
    """Severity level (one or more); left out: all."""
    include_recovery: bool = False
    """Include recovery attempts, and how often each strategy worked."""
    worker_id: WorkerId | None = None
    """Only errors of this worker."""
    task_id: TaskId | None = None
    """Only errors of this task."""
    limit: PageSize = 20
    """Most groups of errors on the page."""

    @property
    def is_about_tasks(self) -> bool:
        """Whether a single task was named."""
        return self.task_id is not None


def _some(ids: list[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{', '.join(ids[:3])}{', …' if len(ids) > 3 else ''}"
