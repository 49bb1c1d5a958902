import json

import pytest

from auditor.errors import UnreadableReportError
from auditor.security import parse_bandit


def finding(path: str, severity: str, line: int = 1) -> dict[str, object]:
    return {
        "filename": path,
        "line_number": line,
        "test_id": "B101",
        "test_name": "assert_used",
        "issue_severity": severity,
        "issue_confidence": "HIGH",
        "issue_text": "text",
    }


def test_findings_are_counted_by_severity_and_the_worst_come_first() -> None:
    report = {
        "results": [finding("a.py", "LOW"), finding("./a.py", "HIGH", 9), finding("tests/t.py", "HIGH")],
        "errors": [{"filename": "b.py", "reason": "syntax error"}],
        "metrics": {"_totals": {"loc": 99}, "a.py": {"loc": 10}, "./b.py": {"loc": 5}},
    }
    figures = parse_bandit(json.dumps(report), frozenset({"a.py", "b.py"}))
    assert (figures.high, figures.medium, figures.low, figures.total) == (1, 0, 1, 2)
    assert [(one.severity, one.path) for one in figures.findings] == [("HIGH", "a.py"), ("LOW", "a.py")]
    assert figures.lines_scanned == 15
    assert figures.unreadable == ["b.py"]


def test_a_report_of_another_form_is_refused() -> None:
    with pytest.raises(UnreadableReportError):
        parse_bandit('{"results": 1}', frozenset())
