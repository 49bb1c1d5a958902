"""Tools for tests, quality and changes of the code."""

from contracts.events.code import CodeChange, DependencyAnalysis, SecurityScan
from contracts.events.deliverables import Artifact
from contracts.events.quality import Benchmark, CodeQuality, Coverage, TestResults
from worker_agent.mcp.actions import publish_artifact, record
from worker_agent.mcp.deliverables import ArtifactResult
from worker_agent.mcp.spec import ToolSpec

CODE = (
    ToolSpec(
        "report_test_results",
        TestResults,
        "tests",
        "Report one run of a test suite: counts, failures with their messages.",
        record,
        "Test results recorded: {b.results.passed} of {b.results.total} passed.",
        core=(
            "test_suite",
            "results.total",
            "results.passed",
            "results.failed",
            "failed_tests.test_name",
            "failed_tests.error_message",
        ),
    ),
    ToolSpec(
        "report_code_quality",
        CodeQuality,
        "quality",
        "Report measures and problems of one file, or of the whole project (file_path `.`).",
        record,
        "Code quality recorded: {b.file_path}.",
    ),
    ToolSpec(
        "report_coverage",
        Coverage,
        "coverage",
        "Report how much of the code the tests reach, in all and by file.",
        record,
        "Coverage recorded: {b.line_percent:g} % of the lines.",
    ),
    ToolSpec(
        "report_security_scan",
        SecurityScan,
        "security_scan",
        "Report one run of a security scanner and what it found; no findings means that there were none.",
        record,
        "Security scan recorded: {b.scanner}.",
    ),
    ToolSpec(
        "report_dependency_analysis",
        DependencyAnalysis,
        "dependency_analysis",
        "Report what the project depends on, what of it is outdated or vulnerable, and what conflicts.",
        record,
        "Dependency analysis recorded: {b.ecosystem}.",
    ),
    ToolSpec(
        "report_benchmark",
        Benchmark,
        "benchmark",
        "Report one measurement of speed or size, beside its baseline.",
        record,
        "Benchmark recorded: {b.benchmark_name} {b.value:g} {b.unit}.",
    ),
    ToolSpec(
        "report_code_change",
        CodeChange,
        "code_change",
        "Report one finished change of the code: what for, and which files.",
        record,
        "Code change recorded: {b.description:.80}",
    ),
    ToolSpec(
        "publish_artifact",
        Artifact,
        "artifact",
        "Keep a file of the workspace (path), or a text (content), for the manager, beyond the end of the task.",
        publish_artifact,
        result=ArtifactResult,
    ),
)
