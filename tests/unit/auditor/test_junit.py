import pytest

from auditor.errors import UnreadableReportError
from auditor.junit import parse_junit, parse_summary, parse_test_line, tally

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="2" failures="1" skipped="2" tests="6" time="0.5">
<testcase classname="tests.test_a.TestX" name="test_good[1-a]" time="0.25"/>
<testcase classname="tests.test_a" name="test_bad" time="0.1">
  <failure message="assert 1 == 2">trace</failure></testcase>
<testcase classname="tests.test_a" name="test_setup" time="0">
  <error message="failed on setup with &quot;X&quot;"/></testcase>
<testcase classname="tests.test_a" name="test_after" time="0">
  <error message="failed on teardown with &quot;X&quot;"/></testcase>
<testcase classname="tests.test_a" name="test_skip" time="0">
  <skipped type="pytest.skip" message="why">x</skipped></testcase>
<testcase classname="tests.test_a" name="test_x" time="nan-ish">
  <skipped type="pytest.xfail" message="known"/></testcase>
</testsuite></testsuites>"""


def test_each_outcome_is_told_apart() -> None:
    cases = parse_junit(REPORT)
    assert [case.outcome for case in cases] == ["passed", "failed", "error", "error", "skipped", "xfailed"]
    assert cases[0].duration_ms == 250.0
    assert (cases[1].message, cases[1].details) == ("assert 1 == 2", "trace")
    assert cases[5].duration_ms == 0.0


def test_a_test_whose_teardown_raises_counts_twice_as_pytest_counts_it() -> None:
    counts = tally(parse_junit(REPORT))
    assert (counts.total, counts.passed, counts.failed, counts.errors) == (6, 2, 1, 2)
    assert (counts.skipped, counts.xfailed) == (1, 1)


def test_a_broken_report_is_an_error() -> None:
    with pytest.raises(UnreadableReportError):
        parse_junit("<testsuites>")


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("===== 1203 passed in 5.01s =====", {"passed": 1203}),
        (
            "=== 1 failed, 2 passed, 1 xpassed, 3 warnings, 1 error in 61.20s (0:01:01) ===",
            {"failed": 1, "passed": 2, "xpassed": 1, "warnings": 3, "error": 1},
        ),
        ("192 passed, 1 skipped in 2.52s", {"passed": 192, "skipped": 1}),
        ("nothing of the kind", {}),
    ],
)
def test_the_last_line_of_pytest_is_understood(line: str, counts: dict[str, int]) -> None:
    assert parse_summary(f"before\n{line}\nafter") == counts


def test_a_line_of_a_verbose_run_names_the_test_its_outcome_and_the_percent() -> None:
    line = parse_test_line("tests/test_a.py::test_x[PASSED - 1] FAILED      [  7%]")
    assert line is not None
    assert (line.name, line.outcome, line.percent) == ("tests/test_a.py::test_x[PASSED - 1]", "FAILED", 7)


@pytest.mark.parametrize("line", ["collected 3 items", "tests/a.py ..F [ 10%]", "", "PASSED [100%]"])
def test_other_lines_are_not_taken_for_tests(line: str) -> None:
    assert parse_test_line(line) is None
