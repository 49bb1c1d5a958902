"""Findings of bandit in the project's own code."""

import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter

from auditor.commands import Command, Workbench
from auditor.errors import MeasurementError, UnreadableReportError
from auditor.figures import SecurityFigures, SecurityFinding
from auditor.layout import Layout
from auditor.reports import parse_json, read_text

REPORT_FILE = "bandit.json"
FINDINGS_LIMIT = 500
SEVERITIES = ("HIGH", "MEDIUM", "LOW", "UNDEFINED")


class _Result(BaseModel):
    filename: str
    line_number: int
    test_id: str
    test_name: str
    issue_severity: str
    issue_confidence: str
    issue_text: str


class _Unread(BaseModel):
    filename: str


class _Report(BaseModel):
    results: list[_Result]
    errors: list[_Unread] = []
    metrics: dict[str, dict[str, Any]]


_REPORT = TypeAdapter(_Report)


def security_command(layout: Layout) -> Command:
    """Bandit over the project's own code, as JSON."""
    exclude = ["-x", ",".join(layout.excluded)] if layout.excluded else []
    flags = ("-q", "-r", "-f", "json", "--exit-zero", "-o", f"{{scratch}}/{REPORT_FILE}")
    return Command((sys.executable, "-P", "-m", "bandit", *flags, *exclude, *layout.targets))


def parse_bandit(text: str, own: frozenset[str]) -> SecurityFigures:
    """Figures from bandit's JSON; what is not in `own` does not count. Raises UnreadableReportError."""
    report = parse_json(text, _REPORT)
    findings = [_finding(result) for result in report.results if _name(result.filename) in own]
    counts = Counter(finding.severity for finding in findings)
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    return SecurityFigures(
        high=counts["HIGH"],
        medium=counts["MEDIUM"],
        low=counts["LOW"],
        undefined=counts["UNDEFINED"],
        rules=dict(sorted(Counter(finding.rule for finding in findings).items())),
        findings=sorted(findings, key=lambda one: (order.get(one.severity, 9), one.path, one.line))[:FINDINGS_LIMIT],
        lines_scanned=_lines_scanned(report.metrics, own),
        unreadable=sorted({_name(one.filename) for one in report.errors} & own),
    )


async def measure_security(bench: Workbench, layout: Layout) -> SecurityFigures:
    """Scan the project's own code. Raises MeasurementError."""
    ended = await bench.run(security_command(layout))
    try:
        return parse_bandit(read_text(bench.scratch / REPORT_FILE), frozenset(layout.own_files))
    except UnreadableReportError as error:
        raise MeasurementError(f"bandit gave no figures: {error}", output=ended.output) from error


def _finding(result: _Result) -> SecurityFinding:
    return SecurityFinding(
        path=_name(result.filename),
        line=result.line_number,
        rule=result.test_id,
        name=result.test_name,
        severity=result.issue_severity,
        confidence=result.issue_confidence,
        message=result.issue_text,
    )


def _lines_scanned(metrics: Mapping[str, Mapping[str, Any]], own: frozenset[str]) -> int:
    return sum(int(figures.get("loc", 0)) for path, figures in metrics.items() if _name(path) in own)


def _name(path: str) -> str:
    return path.removeprefix("./")
