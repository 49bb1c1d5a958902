"""Turns coverage's data into figures."""

import sys

from pydantic import BaseModel, TypeAdapter

from auditor.commands import Command, Workbench
from auditor.errors import MeasurementError, UnreadableReportError
from auditor.figures import CoverageFigures, FileCoverage
from auditor.reports import parse_json, read_text
from auditor.suite import DATA_FILE

REPORT_FILE = "coverage.json"


class _Summary(BaseModel):
    covered_lines: int
    num_statements: int
    missing_lines: int
    percent_covered: float
    num_branches: int = 0
    covered_branches: int = 0


class _File(BaseModel):
    summary: _Summary


class _Report(BaseModel):
    totals: _Summary
    files: dict[str, _File]


_REPORT = TypeAdapter(_Report)


def parse_coverage(text: str) -> CoverageFigures:
    """Figures from the text of `coverage json`. Raises UnreadableReportError."""
    report = parse_json(text, _REPORT)
    totals = report.totals
    return CoverageFigures(
        percent=totals.percent_covered,
        line_percent=_percent(totals.covered_lines, totals.num_statements),
        branch_percent=_percent(totals.covered_branches, totals.num_branches) if totals.num_branches else None,
        statements=totals.num_statements,
        missing=totals.missing_lines,
        branches=totals.num_branches,
        branches_covered=totals.covered_branches,
        files=[_file(path, one.summary) for path, one in sorted(report.files.items())],
    )


async def measure_coverage(bench: Workbench) -> CoverageFigures:
    """Figures of the last run of the test suite. Raises MeasurementError when there are none."""
    argv = ("-P", "-m", "coverage", "json", "--rcfile=/dev/null", f"--data-file={{scratch}}/{DATA_FILE}", "-q")
    ended = await bench.run(Command((sys.executable, *argv, "-o", f"{{scratch}}/{REPORT_FILE}")))
    try:
        return parse_coverage(read_text(bench.scratch / REPORT_FILE))
    except UnreadableReportError as error:
        raise MeasurementError(f"coverage gave no figures: {error}", output=ended.output) from error


def _file(path: str, summary: _Summary) -> FileCoverage:
    return FileCoverage(
        path=path,
        percent=summary.percent_covered,
        statements=summary.num_statements,
        missing=summary.missing_lines,
    )


def _percent(part: int, whole: int) -> float:
    return 100.0 if whole == 0 else 100.0 * part / whole
