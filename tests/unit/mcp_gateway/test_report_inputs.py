"""What the reporting tools take, and what they say of wrong values."""

from typing import Any

import pytest

from contracts.analytics import PerformanceMetric, QualityMetric
from contracts.problems import FieldError
from mcp_gateway.domain.inputs import (
    AnalyticsMetric,
    AnalyzeDecisions,
    ErrorAnalysisInput,
    GetAnalytics,
    PerformanceReport,
    QualityDashboard,
    Ranged,
)
from mcp_gateway.errors import InvalidInput
from mcp_gateway.mcp.catalogue import Catalogue
from mcp_gateway.mcp.table import TOOLS

CATALOGUE = Catalogue(TOOLS)
REFERENCE = {
    "get_analytics": {"entity_type", "entity_id", "analytics_type", "time_range"},
    "performance_report": {"report_type", "entity_ids", "metrics"},
    "quality_dashboard": {"entity_type", "entity_id", "metrics"},
    "analyze_decisions": {"task_id", "decision_type", "include_reasoning"},
    "error_analysis": {"time_range", "error_type", "severity_filter", "include_recovery"},
}


def error_of(tool: str, arguments: dict[str, Any]) -> FieldError:
    offered = CATALOGUE.find(tool)
    assert offered is not None
    with pytest.raises(InvalidInput) as caught:
        offered.parse(arguments)
    (error,) = caught.value.errors
    return error


@pytest.mark.parametrize(("tool", "parameters"), REFERENCE.items())
def test_the_references_parameters_are_taken(tool: str, parameters: set[str]) -> None:
    schema = CATALOGUE.input_schema(tool)
    assert schema is not None
    assert parameters <= set(schema["properties"])


def test_the_references_examples_are_valid() -> None:
    metrics = ["execution_time", "success_rate", "resource_usage"]
    ids = ["worker-1", "worker-2", "worker-3"]
    compared = PerformanceReport.model_validate({"report_type": "comparative", "entity_ids": ids, "metrics": metrics})
    assert (compared.ids, compared.metrics) == (ids, metrics)
    assert PerformanceReport.model_validate({"report_type": "system", "metrics": ["all"]}).metrics == ["all"]
    given = {"time_range": "last_hour", "severity_filter": "error", "include_recovery": True}
    assert ErrorAnalysisInput.model_validate(given).severity_filter == ["error"]


def test_one_value_does_for_a_list_and_the_schema_says_so() -> None:
    given = {"entity_type": "worker", "entity_id": "worker-1", "analytics_type": "quality", "metrics": "memory"}
    asked = GetAnalytics.model_validate(given)
    assert (asked.ids, asked.analytics_type, asked.metrics) == (["worker-1"], ["quality"], ["memory"])
    schema = CATALOGUE.input_schema("error_analysis") or {}
    one, many = schema["properties"]["severity_filter"]["anyOf"]
    assert one == {"type": "string"}
    assert many["items"]["enum"] == ["critical", "error", "warning", "info"]


def test_ids_of_both_parameters_are_taken_together_and_each_once() -> None:
    given = {"report_type": "worker", "entity_id": "worker-2", "entity_ids": ["worker-1", "worker-2"]}
    assert PerformanceReport.model_validate(given).ids == ["worker-2", "worker-1"]


def test_analytics_are_narrowed_by_the_metrics_of_both_reports() -> None:
    assert {str(metric) for metric in AnalyticsMetric} == {*map(str, PerformanceMetric), *map(str, QualityMetric)}


@pytest.mark.parametrize(
    ("asked", "period"),
    [
        (GetAnalytics(), "last_24_hours"),
        (PerformanceReport(), "last_24_hours"),
        (QualityDashboard(), "last_30_days"),
        (AnalyzeDecisions(), "last_24_hours"),
        (ErrorAnalysisInput(), "last_24_hours"),
        (GetAnalytics.model_validate({"entity_type": "task", "entity_id": "task-1"}), "all"),
        (PerformanceReport.model_validate({"report_type": "task", "entity_id": "task-1"}), "all"),
        (QualityDashboard.model_validate({"entity_type": "task", "entity_id": "task-1"}), "all"),
        (AnalyzeDecisions(task_id="task-1"), "all"),
        (ErrorAnalysisInput(task_id="task-1"), "all"),
        (ErrorAnalysisInput(task_id="task-1", time_range="last_24_hours"), "last_24_hours"),
        (GetAnalytics(time_range=" 2026-11-01/P7D "), "2026-11-01/P7D"),
    ],
)
def test_without_a_period_the_last_day_is_meant_and_of_a_task_all_of_its_time(asked: Ranged, period: str) -> None:
    assert asked.period == period


@pytest.mark.parametrize(
    ("tool", "arguments", "field", "hint"),
    [
        ("get_analytics", {"entity_type": "task"}, "entity_id", "entity_type task needs the id of a task"),
        ("performance_report", {"report_type": "task"}, "entity_id", "report_type task needs the id of a task"),
        (
            "performance_report",
            {"entity_ids": ["worker-1"]},
            "entity_ids",
            "report_type system takes no ids, but worker-1 was given; report_type says what that is: task, worker, ",
        ),
        (
            "quality_dashboard",
            {"entity_id": ["a", "b", "c", "d"]},
            "entity_id",
            "entity_type system takes no ids, but a, b, c, … was given; entity_type says what that is: task, worker, "
            "repository, agent, model",
        ),
        (
            "performance_report",
            {"report_type": "comparative", "entity_ids": ["worker-1", "worker-1"]},
            "entity_ids",
            "report_type comparative needs two ids or more, but only worker-1 was given",
        ),
        ("get_analytics", {"entity_type": "worker", "entity_id": "a b"}, "entity_id", "a b is not the id of a worker"),
    ],
)
def test_ids_that_do_not_fit_are_told_with_what_would(
    tool: str, arguments: dict[str, Any], field: str, hint: str
) -> None:
    error = error_of(tool, arguments)
    assert (error.field, hint in error.message) == (field, True), error.message


@pytest.mark.parametrize(
    ("tool", "arguments", "field", "allowed"),
    [
        ("get_analytics", {"entity_type": "robot"}, "entity_type", "repository"),
        ("get_analytics", {"analytics_type": ["quality", "mood"]}, "analytics_type.1", "dependency"),
        ("performance_report", {"report_type": "robot"}, "report_type", "comparative"),
        ("performance_report", {"metrics": "mood"}, "metrics.0", "throughput"),
        ("quality_dashboard", {"metrics": ["throughput"]}, "metrics.0", "coverage"),
        ("error_analysis", {"severity_filter": "fatal"}, "severity_filter.0", "critical"),
        ("analyze_decisions", {"entity_id": "task-1"}, "entity_id", "task_id"),
    ],
)
def test_a_wrong_value_is_named_with_the_allowed_ones(
    tool: str, arguments: dict[str, Any], field: str, allowed: str
) -> None:
    error = error_of(tool, arguments)
    assert error.field == field
    assert error.value
    assert allowed in error.allowed
