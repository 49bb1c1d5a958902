import pytest

from contracts.events import EventBase
from tests.support.folding import folded, reported


def scan(seq: int, scanner: str, *severities: str) -> EventBase:
    findings = [{"message": "m", "severity": severity} for severity in severities]
    return reported("security_scan", seq, {"scanner": scanner, "findings": findings})


def test_of_each_scanner_the_newest_scan_counts() -> None:
    result = folded(
        scan(3, "bandit", "low"), scan(1, "Bandit", "high", "high", "low"), scan(2, "semgrep", "critical", "low")
    )
    told = {s: result.last(f"findings:{s}@reported") for s in ("critical", "high", "medium", "low", "info")}
    assert told == {"critical": 1, "high": 0, "medium": 0, "low": 2, "info": 0}
    assert result.count("security_scans@reported") == 3


def test_what_a_scan_no_longer_finds_was_found_all_the_same() -> None:
    result = folded(scan(1, "bandit", "high", "critical", "low"), scan(2, "bandit"), scan(3, "bandit", "high"))
    assert result.count("bugs_found@reported") == 2


def test_a_set_of_analytics_is_a_scan_of_its_tool() -> None:
    data = {"tool": "bandit", "high": 2, "medium": 1, "low": 0, "total": 3, "rating": "D"}
    told = reported("analytics", 2, {"analytics_type": "security", "data": data})
    result = folded(scan(1, "bandit", "low", "low"), told)
    assert [result.last(f"findings:{severity}@reported") for severity in ("high", "medium", "low")] == [2, 1, 0]


def test_nothing_is_told_of_findings_where_nothing_was_scanned() -> None:
    data = {"security_rating": "A"}
    result = folded(reported("analytics", 1, {"analytics_type": "security", "data": data}))
    assert result.last("findings:high@reported") is None


def test_dependencies_are_counted_where_the_counts_are_not_told() -> None:
    listed = [
        {"name": "a", "version": "1", "latest_version": "2"},
        {"name": "b", "version": "1", "latest_version": "1", "vulnerabilities": ["CVE-1", "CVE-2"]},
        {"name": "c", "latest_version": "3"},
    ]
    body = {"ecosystem": "pypi", "dependencies": listed}
    npm = reported("dependency_analysis", 2, {"ecosystem": "npm", "total": 40, "outdated": 7, "vulnerable": 0})
    result = folded(reported("dependency_analysis", 1, body), npm)
    told = [result.last(f"{metric}@reported") for metric in ("dependencies", "outdated", "vulnerable")]
    assert told == [43, 8, 1]


@pytest.mark.parametrize(("analysed", "expected"), [(False, 12), (True, 3)])
def test_a_set_of_analytics_stands_in_for_an_analysis(analysed: bool, expected: int) -> None:
    told = reported("analytics", 2, {"analytics_type": "dependency", "data": {"declared": 12}})
    analysis = reported("dependency_analysis", 1, {"ecosystem": "pypi", "total": 3})
    assert folded(*([analysis] if analysed else []), told).last("dependencies@reported") == expected


def test_bugs_are_found_by_tests_scanners_and_checks_and_mended_by_changes() -> None:
    failed = {"results": {"total": 3, "passed": 1, "failed": 2}, "failed_tests": [{"test_name": n} for n in "ab"]}
    issues = [{"message": "m", "severity": level} for level in ("critical", "high", "medium")]
    result = folded(
        reported("tests", 1, failed),
        reported("tests", 2, failed),
        scan(3, "bandit", "high"),
        reported("quality", 4, {"issues": issues}),
        reported("milestone", 5, {"milestone_type": "bug_fixed"}),
        reported("milestone", 6, {"milestone_type": "optimization"}),
        reported("code_change", 7, {"change_type": "bug_fix"}),
        reported("code_change", 8, {"change_type": "feature"}),
        reported("code_change", 9, {"change_type": "bug_fix"}, evidence="observed"),
    )
    assert result.count("bugs_found@reported") == 2 + 1 + 2
    assert (result.count("bugs_fixed@reported"), result.count("bugs_fixed@observed")) == (2, 1)
