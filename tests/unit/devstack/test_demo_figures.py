import pytest

from devstack.demo.figures import figure_lines
from devstack.errors import DevstackError


def test_the_figures_are_told_as_they_are_in_the_report():
    report = {
        "analytics": {
            "test": {"passed": 9, "total": 10, "coverage_percent": 88.38},
            "quality": {"complexity_score": 3.09, "max_complexity": 74, "maintainability_index": 56.91},
            "security": {"high": 1, "medium": 0, "low": 20, "tool": "bandit"},
        },
        "evidence": {"verified": {"passed": False, "commands": [{}, {}]}},
    }
    tests, complexity, security, verified = figure_lines(report)
    assert tests.endswith("9 of 10 passed, coverage 88.38%")
    assert complexity.endswith("3.09 on average, highest 74; maintainability index 56.91")
    assert security.endswith("1 high, 0 medium, 20 low findings (bandit)")
    assert "NO" in verified
    assert "2 command(s)" in verified


def test_a_project_without_tests_has_the_other_figures():
    assert len(figure_lines({"analytics": {"security": {"high": 0}}})) == 1


def test_a_report_without_figures_is_a_failure():
    with pytest.raises(DevstackError, match="no figures"):
        figure_lines({"analytics": {}})
