"""The reports over HTTP."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from analytics_query.decisions import time_ranges
from analytics_query.decisions.reports.asked import Asked, check_entities, wanted_of
from analytics_query.handlers.analyses import analyze_decisions, analyze_errors
from analytics_query.handlers.answering import Answers, Compute
from analytics_query.handlers.gathering import Sources
from analytics_query.handlers.reports import analytics_report, performance_report, quality_report
from contracts.analytics import (
    AnalyticsReport,
    DecisionAnalysis,
    EntityType,
    ErrorAnalysis,
    PerformanceMetric,
    QualityMetric,
    ReportType,
)
from contracts.base import TaskId, WorkerId
from contracts.events.recovery import Severity
from contracts.events.reporting import AnalyticsType
from servicekit.clock import Clock
from servicekit.paging import PageCursor, PageLimit

router = APIRouter(prefix="/v1")

EntityId = Annotated[str, Query(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]
Word = Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Period = Annotated[
    str, Query(min_length=1, max_length=100, description="Such as last_hour, 36h, PT6H or 2026-11-01/P7D.")
]
Metric = PerformanceMetric | QualityMetric
JSON = "application/json"
ENTITY_TYPE_OF = {
    ReportType.task: EntityType.task,
    ReportType.worker: EntityType.worker,
    ReportType.system: EntityType.system,
    ReportType.comparative: EntityType.worker,
}


@router.get("/analytics", response_model=AnalyticsReport)
async def analytics(
    request: Request,
    entity_type: EntityType = EntityType.system,
    entity_id: Annotated[list[EntityId], Query()] = [],  # noqa: B006
    analytics_type: Annotated[list[AnalyticsType], Query()] = [],  # noqa: B006
    metrics: Annotated[list[Metric], Query()] = [],  # noqa: B006
    time_range: Period = time_ranges.DEFAULT,
) -> Response:
    """The newest reported data of each type, and the figures that they amount to."""
    ids = check_entities("entity_type", entity_type, entity_id)
    types = tuple(sorted({one.value for one in analytics_type}))
    wanted = wanted_of(metrics)
    asked = Asked("analytics", _period(request, time_range), entity_type, ids, wanted, types)
    return await _give(request, asked, partial(analytics_report, asked, sources=_sources(request)))


@router.get("/reports/performance", response_model=AnalyticsReport)
async def performance(
    request: Request,
    report_type: ReportType = ReportType.system,
    entity_id: Annotated[list[EntityId], Query()] = [],  # noqa: B006
    metrics: Annotated[list[PerformanceMetric], Query()] = [],  # noqa: B006
    time_range: Period = time_ranges.DEFAULT,
    limit: PageLimit = 20,
) -> Response:
    """How well tasks, workers or the whole perform, and what has changed."""
    entity_type = ENTITY_TYPE_OF[report_type]
    ids = check_entities("report_type", entity_type, entity_id)
    period = _period(request, time_range)
    asked = Asked("performance", period, entity_type, ids, wanted_of(metrics), (), limit, report_type)
    objective = request.app.state.settings.task_success_objective_percent
    return await _give(
        request, asked, partial(performance_report, asked, sources=_sources(request), objective_percent=objective)
    )


@router.get("/reports/quality", response_model=AnalyticsReport)
async def quality(
    request: Request,
    entity_type: EntityType = EntityType.system,
    entity_id: Annotated[list[EntityId], Query()] = [],  # noqa: B006
    metrics: Annotated[list[QualityMetric], Query()] = [],  # noqa: B006
    time_range: Period = "last_30_days",
) -> Response:
    """How good the code is that comes out, and where it is going."""
    ids = check_entities("entity_type", entity_type, entity_id)
    asked = Asked("quality", _period(request, time_range), entity_type, ids, wanted_of(metrics))
    return await _give(request, asked, partial(quality_report, asked, sources=_sources(request)))


@router.get("/reports/decisions", response_model=DecisionAnalysis)
async def decisions(
    request: Request,
    task_id: TaskId | None = None,
    decision_type: Word = None,
    include_reasoning: bool = False,
    time_range: Period = time_ranges.DEFAULT,
    cursor: PageCursor = None,
    limit: PageLimit = 20,
) -> Response:
    """Decisions, and how their attempts ended."""
    more = {"task_id": task_id, "decision_type": decision_type, "include_reasoning": include_reasoning}
    asked = _asked_of_things(request, "decisions", time_range, limit, cursor, more)
    return await _give(request, asked, partial(analyze_decisions, asked, cursor, sources=_sources(request)))


@router.get("/reports/errors", response_model=ErrorAnalysis)
async def errors(
    request: Request,
    time_range: Period = time_ranges.DEFAULT,
    error_type: Word = None,
    severity_filter: Annotated[list[Severity], Query()] = [],  # noqa: B006
    include_recovery: bool = False,
    worker_id: WorkerId | None = None,
    task_id: TaskId | None = None,
    cursor: PageCursor = None,
    limit: PageLimit = 20,
) -> Response:
    """Errors in groups, and which ways to recover worked."""
    more = {
        "error_type": error_type,
        "severities": tuple(sorted({one.value for one in severity_filter})),
        "worker_id": worker_id,
        "task_id": task_id,
        "include_recovery": include_recovery,
    }
    asked = _asked_of_things(request, "errors", time_range, limit, cursor, more)
    objective = request.app.state.settings.task_success_objective_percent
    return await _give(
        request, asked, partial(analyze_errors, asked, cursor, sources=_sources(request), objective_percent=objective)
    )


def _asked_of_things(
    request: Request, report: str, period: str, limit: int, cursor: str | None, more: dict[str, Any]
) -> Asked:
    told = tuple(sorted((more | {"cursor": cursor}).items()))
    return Asked(report, _period(request, period), limit=limit, more=told)


def _period(request: Request, text: str) -> time_ranges.TimeRange:
    clock: Clock = request.app.state.clock
    return time_ranges.time_range(text, clock.now())


def _sources(request: Request) -> Sources:
    return request.app.state.sources


async def _give(request: Request, asked: Asked, compute: Compute) -> Response:
    answers: Answers = request.app.state.answers
    return Response(await answers.give(asked.key, compute), media_type=JSON)
