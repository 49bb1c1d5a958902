"""Bodies of reports about tests, coverage, benchmarks and code quality."""

from typing import Annotated

from pydantic import Field

from contracts.base import (
    Amount,
    Count,
    ExitCode,
    FilePath,
    JsonObject,
    Level,
    Milliseconds,
    Model,
    Name,
    OptionalText,
    Percent,
    Text,
    Texts,
)
from contracts.events.reporting import Report


class TestCounts(Model):
    """Outcome of one run of a test suite."""

    __test__ = False

    total: Count
    passed: Count
    failed: Count = 0
    skipped: Count = 0
    errors: Count = 0
    duration_ms: Milliseconds | None = None
    exit_code: ExitCode | None = None
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

    cyclomatic_complexity: Amount | None = None
    """Mean over the functions."""
    max_cyclomatic_complexity: Amount | None = None
    cognitive_complexity: Amount | None = None
    """Sum over the functions."""
    maintainability_index: Amount | None = None
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
    suggestions: Texts = []


class FileCoverage(Model):
    """Coverage of one file."""

    file_path: FilePath
    line_percent: Percent
    branch_percent: Percent | None = None
    missing_lines: Annotated[list[Count], Field(max_length=10_000)] = []


class Coverage(Report):
    """Input of `report_coverage`: how much of the code the tests reach."""

    line_percent: Percent
    """Lines that were run, 0 to 100."""
    branch_percent: Percent | None = None
    function_percent: Percent | None = None
    lines_covered: Count | None = None
    lines_total: Count | None = None
    branches_covered: Count | None = None
    branches_total: Count | None = None
    test_suite: Name | None = None
    """The suite that was run."""
    tool: Name | None = None
    """What measured it, such as `coverage.py`, `istanbul`, `go cover`."""
    files: Annotated[list[FileCoverage], Field(max_length=1_000)] = []
    """The files, worst first."""


class Benchmark(Report):
    """Input of `report_benchmark`: one measurement of speed or size, beside its baseline."""

    benchmark_name: Name
    value: Annotated[float, Field(allow_inf_nan=False)]
    """The measured value, for several runs their median."""
    unit: Name
    """ms, s, requests/s, MB, …"""
    baseline: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """The value before the change, in the same unit."""
    lower_is_better: bool = True
    runs: Count | None = None
    standard_deviation: Amount | None = None
    percentiles: Annotated[dict[Name, Amount], Field(max_length=100)] = {}
    """By name, such as `p99`, in the same unit."""
    environment: JsonObject = {}
    """What it ran on."""
