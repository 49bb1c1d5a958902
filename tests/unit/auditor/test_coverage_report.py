import json

import pytest

from auditor.coverage_report import parse_coverage
from auditor.errors import UnreadableReportError

SUMMARY = {"covered_lines": 3, "num_statements": 4, "missing_lines": 1, "percent_covered": 62.5}
BRANCHES = {"num_branches": 4, "covered_branches": 2}


def test_lines_branches_and_the_total_are_kept_apart() -> None:
    report = {"totals": SUMMARY | BRANCHES, "files": {"a.py": {"summary": SUMMARY | BRANCHES, "other": 1}}, "meta": {}}
    figures = parse_coverage(json.dumps(report))
    assert (figures.percent, figures.line_percent, figures.branch_percent) == (62.5, 75.0, 50.0)
    assert [(one.path, one.missing) for one in figures.files] == [("a.py", 1)]


def test_code_without_branches_has_no_branch_percent() -> None:
    assert parse_coverage(json.dumps({"totals": SUMMARY, "files": {}})).branch_percent is None


@pytest.mark.parametrize("text", ["", "{}", '{"totals": {}, "files": {}}'])
def test_a_report_without_totals_is_refused(text: str) -> None:
    with pytest.raises(UnreadableReportError):
        parse_coverage(text)
