"""The end of an audit, told in full. Pure."""

from auditor.analytics import recommendations
from auditor.figures import Figures
from auditor.gates import Gate, Verdict
from auditor.messages import clip, rating, rounded, test_counts
from auditor.resources import Usage
from contracts.base import JsonObject
from contracts.events.recovery import Completion, CompletionStatus, CompletionSummary

REPORT_PATH = ".mews/AUDIT.md"
"""In a folder that ignores itself in git: a deliverable, but nothing that an audit changes in the project."""


def completion(
    figures: Figures, gate: Gate, verdicts: list[Verdict], usage: Usage, undelivered: list[str]
) -> Completion:
    """The summary of an audit. Missed objectives do not make it fail: to find them is its work."""
    return Completion(
        status=CompletionStatus.partial if figures.problems else CompletionStatus.completed,
        summary=CompletionSummary(
            overview=overview(figures, gate, verdicts),
            objectives_met=[clip(one.text, 1_000) for one in verdicts if one.met],
            objectives_missed=[
                *(clip(one.text, 1_000) for one in verdicts if not one.met),
                *(clip(f"Not measured: {one.message}", 1_000) for one in figures.problems),
            ],
            deliverables=[REPORT_PATH],
            metrics=_metrics(figures, usage, undelivered),
            tests=test_counts(figures.tests, figures.coverage) if figures.tests else None,
            quality=_quality(figures, gate, verdicts),
            learnings=learnings(figures),
            recommendations=recommendations(figures),
        ),
    )


def nothing_to_audit(folder: str) -> Completion:
    """The end of an audit of a folder in which there is no Python."""
    return Completion(
        status=CompletionStatus.failed,
        summary=CompletionSummary(
            overview=f"{clip(folder, 500)} holds no Python code, so there is nothing to audit.",
            objectives_missed=["Audit the project: no Python file was found"],
            recommendations=["Assign the audit with a repository that holds Python code"],
        ),
    )


def overview(figures: Figures, gate: Gate, verdicts: list[Verdict]) -> str:
    """The outcome in a few sentences."""
    met = sum(1 for one in verdicts if one.met)
    judged = f"{met} of {len(verdicts)} demands of the {gate.says} gate are met" if verdicts else "No gate was applied"
    version = f" {figures.project.version}" if figures.project.version else ""
    parts = [_tests_said(figures), _coverage_said(figures), _complexity_said(figures), _security_said(figures)]
    return clip(f"{figures.project.name}{version}: {', '.join(part for part in parts if part)}. {judged}.")


def learnings(figures: Figures) -> list[str]:
    """What the audit found out about how to work on this project."""
    project = figures.project
    known = [
        f"The project has a {project.layout} layout: own code in {', '.join(project.packages[:5]) or 'no package'}"
    ]
    if figures.tests:
        known.append(f"The tests run {figures.tests.how} in {figures.tests.duration_ms / 1000:.1f} s under coverage")
        known.append(f"By hand: {figures.tests.command}")
    else:
        known.append("There is no test run: " + ("the tests cannot be run" if project.test_files else "no test file"))
    if figures.profile and figures.profile.hotspots:
        spot = figures.profile.hotspots[0]
        known.append(f"The slowest test, {figures.profile.test}, spends most time in {spot.function} ({spot.path})")
    return [clip(one, 2_000) for one in known]


def _tests_said(figures: Figures) -> str:
    tests = figures.tests
    if tests is None:
        return "its tests cannot be run" if figures.project.test_files else "it has no tests"
    if tests.green:
        return f"all {tests.passed} tests pass" + (f" ({tests.skipped} skipped)" if tests.skipped else "")
    return f"{tests.failed + tests.errors} of {tests.total} tests do not pass"


def _coverage_said(figures: Figures) -> str:
    return f"coverage is {figures.coverage.percent:.1f}%" if figures.coverage else ""


def _complexity_said(figures: Figures) -> str:
    measured = figures.complexity
    if measured is None:
        return ""
    return (
        f"mean cyclomatic complexity is {measured.cyclomatic_mean:.2f} (highest {measured.cyclomatic_max}) "
        f"and the maintainability index {measured.maintainability_mean:.1f}"
    )


def _security_said(figures: Figures) -> str:
    found = figures.security
    if found is None:
        return ""
    return f"bandit reports {found.high} high, {found.medium} medium and {found.low} low findings"


def _metrics(figures: Figures, usage: Usage, undelivered: list[str]) -> JsonObject:
    return {
        "execution_time_ms": usage.wall_ms,
        "memory_peak_mb": usage.memory_peak_mb,
        "cpu_time_ms": usage.cpu_ms,
        "files_analyzed": figures.project.source_files,
        "commands_run": len(figures.commands),
        "reports_undelivered": list(undelivered),
    }


def _quality(figures: Figures, gate: Gate, verdicts: list[Verdict]) -> JsonObject:
    quality: JsonObject = {"gate": gate.name, "gate_demands": gate.demands, "gate_passed": all(v.met for v in verdicts)}
    if figures.coverage:
        quality["test_coverage"] = rounded(figures.coverage.percent)
    if figures.complexity:
        quality["complexity_score"] = rounded(figures.complexity.cyclomatic_mean)
        quality["maintainability_index"] = rounded(figures.complexity.maintainability_mean)
    if figures.security:
        quality["security_rating"] = rating(figures.security)
    return quality
