"""Reports as analytics-query would make them, one for each tool: a fleet in which worker-2 has become slow."""

from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.analytics import (
    AnalyticsReport,
    DecisionAnalysis,
    DecisionPattern,
    DecisionView,
    EntityType,
    ErrorAnalysis,
    ErrorBudget,
    ErrorGroup,
    Figure,
    Finding,
    Point,
    Row,
    Section,
    Series,
    Standing,
    StrategyOutcome,
)
from contracts.base import Level
from contracts.events import Evidence
from contracts.events.recovery import Severity

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
STANDING = Standing(position=48_213, computed_at=NOON)


def figure(name: str, value: float | None, unit: str, **more: Any) -> Figure:
    """A figure."""
    return Figure(name=name, value=value, unit=unit, **more)


def points(*values: float | None, step: timedelta = timedelta(days=1)) -> list[Point]:
    """Values up to noon, a step apart; None leaves a gap."""
    start = NOON - step * (len(values) - 1)
    return [Point(at=start + step * at, value=value) for at, value in enumerate(values) if value is not None]


def comparative_report(**changes: Any) -> AnalyticsReport:
    """Answer to the reference's Example 4."""
    report = AnalyticsReport(
        report="comparative",
        entity_type=EntityType.worker,
        entity_ids=["worker-1", "worker-2", "worker-3"],
        since=NOON - timedelta(days=1),
        until=NOON,
        time_range="last_24_hours",
        summary=["worker-2 needs 31 % longer than worker-1 for its tasks, and fails more of them."],
        sections=[
            Section(
                name="ranking",
                title="Ranked by success rate",
                rows=[
                    _worker("worker-1", 1, 95.2, (84.2, 98.7), 282_000, 61.4),
                    _worker("worker-3", 2, 91.7, (78.2, 97.1), 301_000, 55.0),
                    _worker("worker-2", 3, 74.3, (57.9, 85.8), 369_000, 88.9),
                ],
                findings=[
                    Finding(
                        kind="difference",
                        severity=Level.high,
                        text="Tasks of worker-2 take longer than those of worker-1: 6 min 09 s against 4 min 42 s.",
                        entity_type="worker",
                        entity_id="worker-2",
                        metric="execution_time",
                        effect=0.42,
                        effect_measure="cliffs_delta",
                        p_value=0.0031,
                        samples=77,
                        evidence=Evidence.observed,
                    )
                ],
            )
        ],
        notes=["worker-3 ran tasks of one repository alone."],
        standing=STANDING,
    )
    return report.model_copy(update=changes)


def performance_of_system(**changes: Any) -> AnalyticsReport:
    """The whole system over a day."""
    report = AnalyticsReport(
        report="system",
        entity_type=EntityType.system,
        since=NOON - timedelta(days=1),
        until=NOON,
        time_range="last_24_hours",
        summary=["Tasks take 12 % longer than the day before.", "Nothing waits in the queue for long."],
        sections=[
            Section(
                name="execution_time",
                title="Execution time",
                figures=[
                    figure("execution_time_p50", 282_000, "ms", samples=212, low=266_000, high=301_000,
                           evidence=Evidence.observed, better="lower", baseline=252_000),
                    figure("execution_time_p95", 7_500_000, "ms", samples=212, evidence=Evidence.observed),
                ],
                series=[
                    Series(name="execution_time_p50", unit="ms", resolution="hour", evidence=Evidence.observed,
                           points=points(252_000, 251_000, None, 270_000, 282_000, step=timedelta(hours=1))),
                ],
            ),
            Section(
                name="success_rate",
                title="Success",
                figures=[
                    figure("success_rate", 88.2, "percent", samples=212, low=83.1, high=91.9,
                           better="higher", baseline=84.0),
                    figure("verified_rate", 79.4, "percent", samples=102, low=70.6, high=86.1,
                           evidence=Evidence.verified, note="110 tasks had nothing to verify."),
                ],
            ),
            Section(
                name="queue",
                title="Queue",
                figures=[
                    figure("queue_depth", 4, "count", samples=1_440, better="lower", baseline=4),
                    figure("queue_age_p95", None, "ms"),
                ],
                notes=["The queue was not sampled between 03:00 and 03:10."],
            ),
            Section(
                name="cost",
                title="Tokens and cost",
                figures=[
                    figure("tokens", 18_412_000, "tokens", samples=96, evidence=Evidence.reported),
                    figure("cost", 41.3, "usd", samples=96, evidence=Evidence.reported),
                    figure("memory_peak", 1_536, "mb", samples=212, evidence=Evidence.observed),
                ],
            ),
        ],
        standing=STANDING.model_copy(update={"cached": True}),
    )  # fmt: skip
    return report.model_copy(update=changes)


def quality_of_repository(**changes: Any) -> AnalyticsReport:
    """A repository over a month."""
    report = AnalyticsReport(
        report="quality",
        entity_type=EntityType.repository,
        entity_ids=["shop"],
        since=NOON - timedelta(days=30),
        until=NOON,
        time_range="last_30_days",
        summary=["Line coverage fell by 6.5 points since 2026-11-21; the claim of the last task was not verified."],
        sections=[
            Section(
                name="coverage",
                title="Coverage",
                figures=[
                    figure("coverage_line", 84.5, "percent", samples=31, evidence=Evidence.observed,
                           better="higher", baseline=91.0),
                    figure("coverage_branch", 71.0, "percent", samples=31, evidence=Evidence.reported,
                           better="higher", baseline=71.0),
                ],
                series=[
                    Series(name="coverage_line", unit="percent", resolution="day", evidence=Evidence.observed,
                           points=points(91, 91, 90.5, 88, 84.5)),
                ],
                findings=[
                    Finding(kind="regression", severity=Level.critical, 
                            text="Line coverage is 6.5 points below its baseline.",
                            metric="coverage_line", effect=-6.5, effect_measure="percentage_points", p_value=0.00004,
                            samples=31, evidence=Evidence.observed),
                ],
            ),
            Section(
                name="security",
                title="Security",
                figures=[figure("security_rating", 3.5, "score", samples=4, evidence=Evidence.verified)],
            ),
        ],
        standing=STANDING,
    )  # fmt: skip
    return report.model_copy(update=changes)


def analytics_of_task(**changes: Any) -> AnalyticsReport:
    """The task of the reference's Example 2."""
    report = AnalyticsReport(
        report="analytics",
        entity_type=EntityType.task,
        entity_ids=["task-abc123"],
        since=NOON - timedelta(hours=2),
        until=NOON,
        time_range="all",
        sections=[
            Section(
                name="tests",
                title="Tests",
                figures=[
                    figure("test_pass_rate", 98.4, "percent", samples=64, evidence=Evidence.verified),
                    figure("tests_claimed", 100, "percent", samples=64, evidence=Evidence.reported),
                ],
            )
        ],
        data={
            "performance": {"execution_time_ms": 4_532_000, "memory_peak_mb": 512, "cpu_average_percent": 35},
            "quality": {"test_coverage": 92, "complexity_score": 15, "maintainability_index": 78},
        },
        standing=STANDING,
    )
    return report.model_copy(update=changes)


def errors_of_hour(**changes: Any) -> ErrorAnalysis:
    """An hour with a new kind of error."""
    rate = figure("recovery_rate", 50, "percent", samples=8, low=21.5, high=78.5, evidence=Evidence.reported)
    retry = StrategyOutcome(strategy="retry with backoff", tried=8, successful=4, rate=rate)
    analysis = ErrorAnalysis(
        since=NOON - timedelta(hours=1),
        until=NOON,
        time_range="last_hour",
        total=48,
        by_severity={"error": 43, "critical": 5},
        by_type={"TimeoutError": 36, "ImportError": 12},
        groups=[
            ErrorGroup(
                fingerprint="9f86d081884c7d65",
                error_type="TimeoutError",
                severity=Severity.critical,
                message="connection to pypi.org timed out after 30 s",
                place="client.py:120 in fetch",
                count=36,
                first_seen=NOON - timedelta(minutes=40),
                last_seen=NOON - timedelta(minutes=1),
                is_new=True,
                workers=["worker-2", "worker-1"],
                workers_affected=2,
                tasks_affected=9,
                recoveries_tried=8,
                recoveries_successful=4,
                strategies=[retry],
                trend=points(1, 4, None, 12, 19, step=timedelta(minutes=10)),
            ),
            ErrorGroup(
                fingerprint="60303ae22b998861",
                error_type="ImportError",
                severity=Severity.error,
                message="No module named 'shop'",
                count=12,
                first_seen=NOON - timedelta(days=9),
                last_seen=NOON - timedelta(minutes=3),
                is_new=False,
                workers=["worker-1"],
                workers_affected=1,
                tasks_affected=1,
            ),
        ],
        next_cursor="g2",
        strategies=[retry],
        budget=ErrorBudget(objective_percent=98, tasks=120, failed=4, allowed=2.4, burned_percent=166.7),
        series=[
            Series(
                name="errors",
                unit="count",
                resolution="minute",
                points=points(2, 6, 15, 25, step=timedelta(minutes=1)),
                evidence=Evidence.reported,
            )
        ],
        summary=["TimeoutError is new since 11:20, and grows."],
        standing=STANDING,
    )
    return analysis.model_copy(update=changes)


def decisions_of_day(**changes: Any) -> DecisionAnalysis:
    """Decisions of the reference's Example 2."""
    analysis = DecisionAnalysis(
        since=NOON - timedelta(days=1),
        until=NOON,
        time_range="last_24_hours",
        patterns=[
            DecisionPattern(
                decision_type="technical",
                count=31,
                attempts=14,
                completed=12,
                success=figure("success_rate", 85.7, "percent", samples=14, low=60.1, high=96,
                               evidence=Evidence.reported),
                others_success=figure("success_rate", 71.4, "percent", samples=28, low=52.9, high=84.7),
                alternatives_mean=2.4,
                confidence_mean=80,
                reversals=1,
            ),
            DecisionPattern(
                decision_type="scope",
                count=2,
                success=figure("success_rate", None, "percent", evidence=Evidence.reported),
                others_success=figure("success_rate", 76.2, "percent", samples=42, low=61.5, high=86.5),
            ),
        ],
        decisions=[
            DecisionView(
                event_id="0198f3a0-0000-7000-8000-000000000002",
                task_id="task-abc123",
                attempt=1,
                worker_id="worker-1",
                decision_type="technical",
                description="How long a session lasts",
                chosen_option="Rotating refresh tokens",
                alternatives=["Long-lived access tokens", "Server-side sessions"],
                reasoning="A stolen token is of use once at most.",
                impact_assessment="Every client must store a new token after each refresh.",
                confidence_percent=85,
                decided_at=NOON - timedelta(minutes=5),
                outcome="completed",
                reverses="0198f3a0-0000-7000-8000-000000000001",
            ),
            DecisionView(
                event_id="0198f3a0-0000-7000-8000-000000000003",
                worker_id="worker-2",
                decision_type="scope",
                chosen_option="Leave the old endpoint in place",
                decided_at=NOON - timedelta(minutes=9),
            ),
        ],
        next_cursor="d2",
        summary=["Attempts with technical decisions completed more often, but too few were seen to tell."],
        standing=STANDING,
    )  # fmt: skip
    return analysis.model_copy(update=changes)


def _worker(worker_id: str, rank: int, success: float, ends: tuple[float, float], took_ms: float, memory: float) -> Row:
    low, high = ends
    evidence = Evidence.observed if worker_id != "worker-2" else Evidence.reported
    note = None if worker_id != "worker-2" else "Its sandbox does not tell the memory."
    figures = [
        figure("success_rate", success, "percent", samples=40, low=low, high=high),
        figure("execution_time_p50", took_ms, "ms", samples=40, evidence=Evidence.observed),
        figure("memory_peak", memory, "mb", samples=40, evidence=evidence, note=note),
    ]
    return Row(entity_type="worker", entity_id=worker_id, rank=rank, figures=figures)
