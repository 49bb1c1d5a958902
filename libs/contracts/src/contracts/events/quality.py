"""Bodies of test and code-quality reports."""

from typing import Annotated

from pydantic import Field

from contracts.base import Count, FilePath, JsonObject, Level, Milliseconds, Model, Name, OptionalText, Percent, Text
from contracts.events.reporting import Report

Score = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TestCounts(Model):
    """Outcome of one run of a test suite."""

    __test__ = False

    total: Count
    passed: Count
    failed: Count = 0
    skipped: Count = 0
    errors: Count = 0
    duration_ms: Milliseconds | None = None
    exit_code: int | None = None
    line_coverage_percent: Percent | None = None
    branch_coverage_percent: Percent | None = None


class FailedTest(Model):
    """One test that did not pass."""

    test_name: Text
    file_path: FilePath | None = None
    line: Count | None = None
    error_message: OptionalText | None = None
    stack_trace: OptionalText | None = None


class TestResults(Report):
    """Input of `report_test_results`: one run of a test suite."""

    __test__ = False

    test_suite: Name
    """Name of the suite."""
    test_type: Name = "unit"
    """unit, integration, e2e, performance, regression, or your own word."""
    results: TestCounts
    """How many ran, passed, failed, were skipped."""
    failed_tests: Annotated[list[FailedTest], Field(max_length=1_000)] = []
    """The tests that failed, with their messages."""
    performance_metrics: JsonObject = {}
    """Figures about the run itself, such as slowest tests."""


class QualityMetrics(Model):
    """Measures of one file, or of a whole project when `file_path` is `.`."""

    cyclomatic_complexity: Score | None = None
    """Mean over the functions."""
    max_cyclomatic_complexity: Score | None = None
    cognitive_complexity: Score | None = None
    """Sum over the functions."""
    maintainability_index: Score | None = None
    """0 to 100, higher is better."""
    lines_of_code: Count | None = None
    test_coverage: Percent | None = None
    duplication_percent: Percent | None = None


class QualityIssue(Model):
    """One problem found in a file."""

    message: Text
    severity: Level = Level.medium
    line: Count | None = None
    rule: Name | None = None


class CodeQuality(Report):
    """Input of `report_code_quality`: what one file is like."""

    file_path: FilePath
    """The file analysed."""
    metrics: QualityMetrics = QualityMetrics()
    """Complexity, maintainability and the like."""
    issues: Annotated[list[QualityIssue], Field(max_length=1_000)] = []
    suggestions: list[Text] = []
