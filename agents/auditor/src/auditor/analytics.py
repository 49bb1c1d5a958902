"""The seven sets of analytics, and the quality of single files. Pure."""

from typing import Any

from auditor.figures import Figures, FileFigures, FunctionFigures, SecurityFinding
from auditor.messages import analytics, clip, rating, rounded, unmet_dependencies
from auditor.resources import Usage
from contracts.base import Level
from contracts.events.quality import CodeQuality, QualityIssue, QualityMetrics
from contracts.events.reporting import Analytics, AnalyticsType

WORST_FILES = 5
COMPLEX = 10
_LEVELS = {"HIGH": Level.high, "MEDIUM": Level.medium, "LOW": Level.low}


def code_analytics(figures: Figures) -> Analytics:
    """Size and languages."""
    measured = figures.complexity
    return analytics(
        AnalyticsType.code,
        {
            "source_files": figures.project.source_files,
            "test_files": figures.project.test_files,
            "packages": figures.project.packages[:20],
            "languages": {one.language: one.files for one in figures.project.languages},
            "size_bytes": figures.project.size_bytes,
            "loc": measured.loc if measured else None,
            "lloc": measured.lloc if measured else None,
            "sloc": measured.sloc if measured else None,
            "comments": measured.comments if measured else None,
            "blocks": measured.blocks if measured else None,
        },
    )


def quality_analytics(figures: Figures) -> Analytics:
    """The figures of a quality dashboard."""
    measured, coverage = figures.complexity, figures.coverage
    data: dict[str, Any] = {"test_coverage": rounded(coverage.percent) if coverage else None}
    if measured:
        data |= {
            "complexity_score": rounded(measured.cyclomatic_mean),
            "max_complexity": measured.cyclomatic_max,
            "cognitive_complexity": measured.cognitive_total,
            "maintainability_index": rounded(measured.maintainability_mean),
            "lowest_maintainability_index": rounded(measured.maintainability_min),
            "ranks": dict(measured.ranks),
        }
    if figures.security:
        data |= {"security_rating": rating(figures.security), "security_findings": figures.security.total}
    return analytics(AnalyticsType.quality, data)


def security_analytics(figures: Figures) -> Analytics | None:
    """Findings of bandit by severity and rule."""
    found = figures.security
    if found is None:
        return None
    return analytics(
        AnalyticsType.security,
        {
            "tool": "bandit",
            "high": found.high,
            "medium": found.medium,
            "low": found.low,
            "total": found.total,
            "rating": rating(found),
            "rules": dict(found.rules),
            "lines_scanned": found.lines_scanned,
            "findings": [_finding_line(one) for one in found.findings[:20]],
        },
    )


def test_analytics(figures: Figures) -> Analytics | None:
    """Counts, coverage and the slowest tests."""
    tests, coverage = figures.tests, figures.coverage
    if tests is None:
        return None
    return analytics(
        AnalyticsType.test,
        {
            "total": tests.total,
            "passed": tests.passed,
            "failed": tests.failed,
            "errors": tests.errors,
            "skipped": tests.skipped,
            "xfailed": tests.xfailed,
            "duration_ms": tests.duration_ms,
            "pass_rate_percent": round(100 * tests.passed / tests.total, 2) if tests.total else None,
            "coverage_percent": rounded(coverage.percent) if coverage else None,
            "line_coverage_percent": rounded(coverage.line_percent) if coverage else None,
            "branch_coverage_percent": rounded(coverage.branch_percent) if coverage else None,
            "slowest_test": clip(tests.slowest[0].label, 300) if tests.slowest else None,
            "slowest_test_ms": tests.slowest[0].duration_ms if tests.slowest else None,
        },
    )


def dependency_analytics(figures: Figures) -> Analytics:
    """What is declared, and what of it is installed."""
    found = figures.dependencies
    return analytics(
        AnalyticsType.dependency,
        {
            "declared": len(found.declared),
            "runtime": found.count("runtime"),
            "optional": found.count("extra:"),
            "development": found.count("group:") + found.count("file:"),
            "build": found.count("build"),
            "installed": sum(1 for one in found.declared if one.installed),
            "unsatisfied_runtime": unmet_dependencies(figures)[:50],
            "packages": [f"{one.name}{one.specifier} ({one.group})" for one in found.declared[:100]],
            "notes": [clip(note, 500) for note in found.notes[:20]],
        },
    )


def resource_analytics(usage: Usage) -> Analytics:
    """What the audit itself used."""
    return analytics(
        AnalyticsType.resource,
        {
            "memory_peak_mb": usage.memory_peak_mb,
            "cpu_time_ms": usage.cpu_ms,
            "cpu_average_percent": usage.cpu_percent,
            "disk_read_mb": usage.read_mb,
            "disk_write_mb": usage.write_mb,
        },
    )


def performance_analytics(usage: Usage, phases_ms: dict[str, int], figures: Figures) -> Analytics:
    """How long the audit took, phase by phase."""
    files = figures.project.source_files
    return analytics(
        AnalyticsType.performance,
        {
            "execution_time_ms": usage.wall_ms,
            "memory_peak_mb": usage.memory_peak_mb,
            "cpu_average_percent": usage.cpu_percent,
            "phases_ms": dict(phases_ms),
            "files_per_second": round(1000 * files / usage.wall_ms, 2) if usage.wall_ms else None,
            "commands_run": len(figures.commands),
        },
    )


def code_qualities(figures: Figures) -> list[CodeQuality]:
    """The whole project as `.`, then its worst files: the highest cyclomatic complexity first."""
    if figures.complexity is None:
        return []
    ranked = sorted(figures.complexity.files, key=lambda one: (-(one.cyclomatic_max or 0), one.maintainability or 100))
    return [_whole(figures), *(_file_quality(one, figures) for one in ranked[:WORST_FILES] if one.cyclomatic_max)]


def _whole(figures: Figures) -> CodeQuality:
    measured, coverage = figures.complexity, figures.coverage
    if measured is None:
        return CodeQuality(file_path=".")
    return CodeQuality(
        file_path=".",
        metrics=QualityMetrics(
            cyclomatic_complexity=rounded(measured.cyclomatic_mean),
            max_cyclomatic_complexity=measured.cyclomatic_max,
            cognitive_complexity=measured.cognitive_total,
            maintainability_index=rounded(measured.maintainability_mean),
            lines_of_code=measured.loc,
            test_coverage=rounded(coverage.percent) if coverage else None,
        ),
        suggestions=recommendations(figures),
    )


def _file_quality(file: FileFigures, figures: Figures) -> CodeQuality:
    covered = {one.path: one.percent for one in figures.coverage.files} if figures.coverage else {}
    functions = figures.complexity.worst_cyclomatic if figures.complexity else []
    complex_ones = [one for one in functions if one.path == file.path and one.complexity > COMPLEX]
    findings = [one for one in figures.security.findings if one.path == file.path] if figures.security else []
    return CodeQuality(
        file_path=clip(file.path, 4_000),
        metrics=QualityMetrics(
            cyclomatic_complexity=rounded(file.cyclomatic_mean),
            max_cyclomatic_complexity=file.cyclomatic_max,
            cognitive_complexity=file.cognitive,
            maintainability_index=rounded(file.maintainability),
            lines_of_code=file.loc,
            test_coverage=rounded(covered.get(file.path)),
        ),
        issues=[*map(_complexity_issue, complex_ones), *map(_security_issue, findings[:100])],
        suggestions=[
            clip(f"Split {one.name}: cyclomatic complexity {one.complexity}", 500) for one in complex_ones[:3]
        ],
    )


def recommendations(figures: Figures) -> list[str]:
    """What would help most, in words."""
    said: list[str] = []
    if figures.tests is None:
        said.append("Write tests: there is no test run that shows what works")
    elif not figures.tests.green:
        said.append(f"Mend the {figures.tests.failed + figures.tests.errors} tests that do not pass")
    if figures.coverage:
        poorest = sorted(figures.coverage.files, key=lambda one: one.missing, reverse=True)[:2]
        said += [
            f"Test {one.path}: {one.missing} of {one.statements} statements never run" for one in poorest if one.missing
        ]
    if figures.complexity:
        worst = [one for one in figures.complexity.worst_cyclomatic if one.complexity > COMPLEX][:3]
        said += [f"Split {one.name} ({_place(one)}): cyclomatic complexity {one.complexity}" for one in worst]
    if figures.security and figures.security.findings:
        first = figures.security.findings[0]
        said.append(f"Look at {_finding_line(first)}")
    return [clip(text, 1_000) for text in said]


def _finding_line(one: SecurityFinding) -> str:
    return clip(f"{one.severity} {one.rule} {one.path}:{one.line} {one.message}", 500)


def _place(one: FunctionFigures) -> str:
    return f"{one.path}:{one.line}" if one.line else one.path


def _complexity_issue(one: FunctionFigures) -> QualityIssue:
    severity = Level.high if one.complexity > 40 else Level.medium if one.complexity > 20 else Level.low
    message = clip(f"{one.name} has cyclomatic complexity {one.complexity} (rank {one.rank})", 1_000)
    return QualityIssue(message=message, severity=severity, line=one.line, rule="cyclomatic-complexity")


def _security_issue(one: SecurityFinding) -> QualityIssue:
    severity = _LEVELS.get(one.severity, Level.low)
    return QualityIssue(message=clip(one.message, 1_000), severity=severity, line=max(0, one.line), rule=one.rule)
