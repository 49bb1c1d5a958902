"""Reads pytest's JUnit XML and the last line of its output."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from auditor.figures import TestCase
from auditor.reports import parse_xml

MESSAGE_LIMIT = 2_000
DETAILS_LIMIT = 8_000

_SUMMARY = re.compile(r"^=*\s*((?:\d+ [a-z]+(?: [a-z]+)?, )*\d+ [a-z]+(?: [a-z]+)?) in [\d.]+s")
_VERBOSE = re.compile(r"^(\S.*?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b.*\[ *(\d+)%\]$")


@dataclass(frozen=True)
class TestLine:
    """One line of `pytest -v`."""

    __test__ = False

    name: str
    outcome: str
    percent: int


@dataclass(frozen=True)
class TestTally:
    """What all tests together came to, counted as pytest counts."""

    __test__ = False

    total: int
    passed: int
    failed: int
    errors: int
    skipped: int
    xfailed: int


def parse_junit(text: str) -> list[TestCase]:
    """Every test case, in the order they ran. Raises UnreadableReportError."""
    return [_case(element) for element in parse_xml(text).iter("testcase")]


def tally(cases: Sequence[TestCase]) -> TestTally:
    """The counts of these cases. A test that passes and whose teardown raises counts as passed and as an error."""
    counts = Counter(case.outcome for case in cases)
    return TestTally(
        total=len(cases),
        passed=counts["passed"] + sum(1 for case in cases if case.passed_before_error),
        failed=counts["failed"],
        errors=counts["error"],
        skipped=counts["skipped"],
        xfailed=counts["xfailed"],
    )


def parse_summary(output: str) -> dict[str, int]:
    """The counts of the last line of pytest, such as {"passed": 3, "xpassed": 1}; empty where there is none."""
    for line in reversed(output.splitlines()):
        match = _SUMMARY.match(line)
        if match:
            return {name: int(number) for number, name in (part.split(" ", 1) for part in match[1].split(", "))}
    return {}


def parse_test_line(line: str) -> TestLine | None:
    """The test that a line of `pytest -v` tells of, or None."""
    match = _VERBOSE.match(line)
    return TestLine(match[1], match[2], int(match[3])) if match else None


def _case(element: Element) -> TestCase:
    outcome, cause = _outcome(element)
    seconds = element.get("time") or "0"
    message = cause.get("message") if cause is not None else None
    return TestCase(
        name=element.get("name") or "?",
        classname=element.get("classname") or "",
        outcome=outcome,
        duration_ms=round(_number(seconds) * 1000, 3),
        message=message[:MESSAGE_LIMIT] if message else None,
        details=cause.text[-DETAILS_LIMIT:] if cause is not None and cause.text else None,
        passed_before_error=outcome == "error" and (message or "").startswith("failed on teardown"),
    )


def _outcome(element: Element) -> tuple[str, Element | None]:
    for tag, outcome in (("failure", "failed"), ("error", "error"), ("skipped", "skipped")):
        cause = element.find(tag)
        if cause is not None:
            return ("xfailed" if cause.get("type") == "pytest.xfail" else outcome), cause
    return "passed", None


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
