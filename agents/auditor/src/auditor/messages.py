"""What the auditor tells the manager: figures turned into the bodies of the worker's tools. Pure."""

from typing import Any

from auditor.figures import CoverageFigures, Figures, Problem, ProfileFigures, SecurityFigures, TestCase, TestFigures
from auditor.gates import DEFAULT_GATE, GATES, Gate
from auditor.resources import Usage
from auditor.suite import FailedAttempt
from auditor.survey import Survey
from contracts.base import Level
from contracts.events.planning import Decision, Plan, PlanStep, PlanType
from contracts.events.quality import FailedTest, TestCounts, TestResults
from contracts.events.recovery import ErrorReport, Severity
from contracts.events.reporting import Analytics, AnalyticsType, Milestone, Progress, ProgressMetrics
from contracts.events.resources import Hotspot, PerformanceProfile, ProfileType, ResourceUsage, UsedResource
from contracts.questions import AskManager, QuestionType

NAME_LIMIT = 200
TEXT_LIMIT = 8_000
RATINGS = (("HIGH", "D"), ("MEDIUM", "C"), ("LOW", "B"))


def clip(text: str, limit: int = TEXT_LIMIT) -> str:
    """Text that every tool takes: no NUL, not empty, at most `limit` characters."""
    clean = text.replace("\x00", "�").strip() or "(empty)"
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def progress(status: str, phase: str, percent: float, operation: str, **metrics: Any) -> Progress:
    """Where the audit stands."""
    known = ProgressMetrics(percent_complete=percent, current_operation=clip(operation), **metrics)
    return Progress(status=status, phase=phase, metrics=known)


def milestone(name: str, kind: str, impact: Level, **metrics: Any) -> Milestone:
    """Something is done."""
    return Milestone(milestone_name=clip(name, NAME_LIMIT), milestone_type=kind, impact=impact, metrics=metrics)


def project_line(survey: Survey) -> str:
    """The project in one sentence."""
    project = survey.project
    version = f" {project.version}" if project.version else ""
    packages = ", ".join(project.packages[:5]) or "no package"
    return (
        f"{project.name}{version}: {project.layout} layout, own code in {packages} ({project.source_files} files), "
        f"{project.test_files} test files in {', '.join(project.test_paths[:5]) or 'no folder'}"
    )


def plan(survey: Survey) -> Plan:
    """The steps of the audit of this project."""
    sources, tests = survey.project.source_files, survey.project.test_files
    rows = [
        ("complexity", "Measure complexity, maintainability and size with radon and complexipy", 1_000 + 40 * sources),
        ("security", "Scan the code with bandit", 800 + 30 * sources),
        ("tests", "Run the tests under coverage, with branches", 2_000 + 500 * tests if tests else None),
        ("profile", "Profile the slowest test", 2_000 if tests else None),
        ("judge", "Apply the quality gate and write the report", 500),
    ]
    steps = [
        PlanStep(step_id=name, description=text, estimated_time_ms=ms) for name, text, ms in rows if ms is not None
    ]
    risks = [] if tests else ["The project has no tests: coverage and slow tests cannot be measured"]
    return Plan(
        plan_type=PlanType.overall,
        steps=steps,
        total_estimated_time_ms=sum(step.estimated_time_ms or 0 for step in steps),
        complexity_assessment="low" if sources < 30 else "medium" if sources < 300 else "high",
        risk_factors=[*risks, *(clip(note) for note in survey.notes)],
    )


def decision_on_tests(survey: Survey) -> Decision:
    """How the tests will be run, and why."""
    options = survey.suite.options
    dropped = f"; left out of addopts: {' '.join(options.dropped)}" if options.dropped else ""
    source = f"the project's configuration in {options.source}" if options.source else "pytest's defaults"
    return Decision(
        decision_type="testing",
        description="How to run the tests",
        chosen_option=clip(f"pytest under coverage with {source}{dropped}"),
        alternatives=[
            "All options of the project as they are: plugins for coverage or parallel runs would change the figures",
            "No configuration of the project at all: some tests could not be found or imported",
            "unittest: it finds fewer tests and knows no fixtures",
        ],
        reasoning=clip(
            "What decides which tests run is kept; what measures or prints is set by the audit, so that the figures "
            "are those of pytest and coverage themselves and any project can be compared with any other. "
            f"Plugins loaded: {', '.join(survey.suite.plugins) or 'none'}."
        ),
        impact_assessment="If pytest refuses, the run is tried again without the project's configuration",
        confidence_percent=90,
    )


def question_on_gate() -> AskManager:
    """Which gate to apply. The deadline is set by who asks."""
    gates = "\n".join(f"- {gate.name}: {gate.demands}" for gate in GATES.values())
    return AskManager(
        question="Which quality gate shall the audit apply?",
        question_type=QuestionType.requirements,
        context=f"The requirements name no test_coverage_target. The gates:\n{gates}",
        options=list(GATES),
        default_answer=DEFAULT_GATE.name,
        priority=Level.medium,
    )


def decision_on_gate(gate: Gate, reasoning: str) -> Decision:
    """Which gate is applied, and why."""
    return Decision(
        decision_type="quality_gate",
        description="Which quality gate to apply",
        chosen_option=f"{gate.says}: {gate.demands}",
        alternatives=[f"{other.name}: {other.demands}" for other in GATES.values() if other.name != gate.name],
        reasoning=clip(reasoning),
        impact_assessment="It decides which objectives count as met; the figures stay the same",
    )


def retry_error(failed: FailedAttempt, tests: TestFigures | None) -> ErrorReport:
    """A test run that ended early, and what the next try came to."""
    said = f"the next try ran {tests.total} tests" if tests else "the next try ran none"
    return ErrorReport(
        error_type="test_run",
        severity=Severity.warning if tests else Severity.error,
        message=clip(f"{failed.reason} ({failed.attempt.described()}); {said}"),
        stack_trace=clip(failed.output) if failed.output else None,
        recovery_attempted=True,
        recovery_successful=tests is not None,
        recovery_strategy=f"Run the tests again {failed.next_attempt.described()}",
    )


def problem_error(problem: Problem) -> ErrorReport:
    """A measurement that gave nothing; the audit goes on."""
    return ErrorReport(
        error_type=clip(f"{problem.phase}_{problem.code}", NAME_LIMIT),
        severity=Severity.error if problem.phase == "tests" else Severity.warning,
        message=clip(problem.message),
        stack_trace=clip(problem.output) if problem.output else None,
        recovery_attempted=True,
        recovery_successful=False,
        recovery_strategy="Go on with the other measurements; this one is missing from the report",
    )


def breakdown_error(error: Exception, trace: str) -> ErrorReport:
    """The auditor itself broke down."""
    return ErrorReport(
        error_type=clip(type(error).__name__, NAME_LIMIT),
        severity=Severity.critical,
        message=clip(f"The audit broke down: {error}"),
        stack_trace=clip(trace),
    )


def test_results(survey: Survey, tests: TestFigures, coverage: CoverageFigures | None) -> TestResults:
    """The test run. `passed`, `failed` and `errors` are what pytest's last line says."""
    return TestResults(
        test_suite=clip(survey.project.name, NAME_LIMIT),
        results=test_counts(tests, coverage),
        failed_tests=[_failed_test(case) for case in tests.unsuccessful],
        performance_metrics={
            "slowest_tests": [{"test": clip(case.label, 300), "ms": case.duration_ms} for case in tests.slowest],
            "xfailed": tests.xfailed,
            "xpassed": tests.xpassed,
            "command": tests.command,
            "how": tests.how,
        },
    )


def test_counts(tests: TestFigures, coverage: CoverageFigures | None) -> TestCounts:
    """The counts alone."""
    return TestCounts(
        total=tests.total,
        passed=tests.passed,
        failed=tests.failed,
        skipped=tests.skipped,
        errors=tests.errors,
        duration_ms=tests.duration_ms,
        exit_code=tests.exit_code,
        line_coverage_percent=rounded(coverage.line_percent) if coverage else None,
        branch_coverage_percent=rounded(coverage.branch_percent) if coverage else None,
    )


def profile(figures: ProfileFigures) -> PerformanceProfile:
    """Where the slowest test spends its time."""
    whole = figures.duration_ms or 1.0
    own = [spot for spot in figures.hotspots if spot.own]
    return PerformanceProfile(
        profile_type=ProfileType.cpu,
        duration_ms=round(figures.duration_ms),
        hotspots=[
            Hotspot(
                function=clip(spot.function, 500),
                file_path=clip(spot.path, 1_000),
                line=spot.line,
                calls=spot.calls,
                self_time_ms=spot.self_ms,
                total_time_ms=spot.total_ms,
                percent=min(100.0, round(100 * spot.self_ms / whole, 2)),
            )
            for spot in figures.hotspots
        ],
        metrics={"test": clip(figures.test, 500), "calls": figures.calls},
        bottlenecks=[clip(f"{spot.function} ({spot.path}:{spot.line}): {spot.self_ms:.1f} ms") for spot in own[:3]],
        summary=clip(
            f"{figures.test} takes {figures.duration_ms:.0f} ms under cProfile in {figures.calls} calls", 1_000
        ),
    )


def resource_usages(usage: Usage) -> list[ResourceUsage]:
    """Memory, processor and disk of the auditor and all its children."""
    memory = {"used_mb": usage.memory_mb, "peak_mb": usage.memory_peak_mb}
    cpu = {"percent": usage.cpu_percent, "time_ms": usage.cpu_ms}
    disk = {"read_mb": usage.read_mb, "write_mb": usage.write_mb}
    return [
        ResourceUsage(resource_type=UsedResource.memory, metrics=dict(memory)),
        ResourceUsage(resource_type=UsedResource.cpu, metrics=dict(cpu)),
        ResourceUsage(resource_type=UsedResource.disk, metrics=dict(disk)),
    ]


def analytics(kind: AnalyticsType, data: dict[str, Any]) -> Analytics:
    """A set of figures; those that are None are left out."""
    return Analytics(analytics_type=kind, data={name: value for name, value in data.items() if value is not None})


def rating(security: SecurityFigures) -> str:
    """A: nothing found; B: low only; C: medium at most; D: at least one high."""
    counts = {"HIGH": security.high, "MEDIUM": security.medium, "LOW": security.low}
    return next((letter for severity, letter in RATINGS if counts[severity]), "A")


def rounded(value: float | None) -> float | None:
    """Two decimals."""
    return None if value is None else round(value, 2)


def unmet_dependencies(figures: Figures) -> list[str]:
    """Runtime dependencies that are not installed here, or in another version than declared."""
    declared = figures.dependencies.declared
    return [
        f"{one.name}{one.specifier}: {one.installed or 'not installed'}"
        for one in declared
        if one.group == "runtime" and one.satisfied is False
    ]


def _failed_test(case: TestCase) -> FailedTest:
    return FailedTest(
        test_name=clip(case.label, 1_000),
        error_message=clip(case.message, 2_000) if case.message else None,
        stack_trace=clip(case.details) if case.details else None,
    )
