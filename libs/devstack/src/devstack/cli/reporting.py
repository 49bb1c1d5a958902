"""`mews report …`: what the manager's reports say."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from contracts.analytics import EntityType, PerformanceMetric, QualityMetric, ReportType
from contracts.events.recovery import Severity
from contracts.events.reporting import AnalyticsType
from devstack.cli.calling import GatewayUrl, Token, call_once, given, print_answer, target_of
from devstack.cli.listing import Cursor, Limit
from devstack.cli.output import AsJson

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="What it is about; all, if left out.")]
Range = Annotated[
    str | None,
    typer.Option("--range", "-r", metavar="PERIOD", help="last_hour, today, last_7_days, all, 36h, 2026-11-01/P7D, …"),
]
Entity = Annotated[EntityType, typer.Option("--entity", "-e", help="What the ids are; system takes none.")]
Metrics = Annotated[list[PerformanceMetric] | None, typer.Option("--metric", "-m", help="Only these figures (repeat).")]
Task = Annotated[str | None, typer.Option("--task", help="Only this task.")]

report = typer.Typer(
    no_args_is_help=True, help="Report on performance, quality, errors and decisions, or show all analytics."
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(report, name="report")


@report.command()
def performance(
    kind: Annotated[ReportType, typer.Argument(metavar="KIND", help="task, worker, system, comparative.")] = (
        ReportType.system
    ),
    ids: Ids = None,
    metric: Metrics = None,
    period: Range = None,
    limit: Limit = 20,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """How well tasks, workers or the whole system work, or how some compare."""
    asked = given(report_type=kind, entity_ids=ids or None, metrics=metric, time_range=period, limit=limit)
    _print("performance_report", asked, gateway, token, as_json)


@report.command()
def quality(
    ids: Ids = None,
    entity: Entity = EntityType.system,
    metric: Annotated[
        list[QualityMetric] | None, typer.Option("--metric", "-m", help="Only these figures (repeat).")
    ] = None,
    period: Range = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """How good the results are, and which way they go."""
    asked = given(entity_type=entity, entity_ids=ids or None, metrics=metric, time_range=period)
    _print("quality_dashboard", asked, gateway, token, as_json)


@report.command()
def analytics(
    ids: Ids = None,
    entity: Entity = EntityType.system,
    kind: Annotated[list[AnalyticsType] | None, typer.Option("--type", help="Only this data (repeat).")] = None,
    metric: Annotated[list[str] | None, typer.Option("--metric", "-m", help="Only these figures (repeat).")] = None,
    period: Range = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """All figures, with the last reported data of each type."""
    asked = given(entity_type=entity, entity_ids=ids or None, analytics_type=kind, metrics=metric, time_range=period)
    _print("get_analytics", asked, gateway, token, as_json)


@report.command()
def decisions(
    task: Annotated[str | None, typer.Argument(metavar="TASK", help="Id of a task; all if left out.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only decisions of this type.")] = None,
    reasoning: Annotated[bool, typer.Option("--reasoning", help="Show the reasoning too.")] = False,
    period: Range = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """What workers decided, and how it ended."""
    asked = given(task_id=task, decision_type=kind, time_range=period, limit=limit, cursor=cursor)
    _print("analyze_decisions", asked | {"include_reasoning": reasoning}, gateway, token, as_json)


@report.command()
def errors(
    kind: Annotated[str | None, typer.Option("--type", help="Only errors of this type.")] = None,
    severity: Annotated[list[Severity] | None, typer.Option("--severity", "-s", help="Only these (repeat).")] = None,
    recovery: Annotated[bool, typer.Option("--recovery", help="Show the ways to recover too.")] = False,
    worker: Annotated[str | None, typer.Option("--worker", help="Only those of this worker.")] = None,
    task: Task = None,
    period: Range = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """What went wrong, in groups, and what helped."""
    asked = given(
        error_type=kind,
        severity_filter=severity,
        worker_id=worker,
        task_id=task,
        time_range=period,
        limit=limit,
        cursor=cursor,
    )
    _print("error_analysis", asked | {"include_recovery": recovery}, gateway, token, as_json)


def _print(tool: str, asked: Mapping[str, Any], gateway: str | None, token: str | None, as_json: bool) -> None:
    print_answer(call_once(target_of(gateway, token), tool, asked), as_json)
