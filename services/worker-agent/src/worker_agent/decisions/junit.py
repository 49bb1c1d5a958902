"""JUnit XML, as pytest, surefire, jest-junit and others write it: how many tests there were, and how they went."""

from collections import Counter
from math import isfinite

from contracts.events.quality import TestCounts
from worker_agent.decisions.markup import OtherKind, scan

ROOTS = frozenset({"testsuites", "testsuite"})
BADNESS = {"skipped": 1, "failure": 2, "error": 3}
"""What may be in a test case, least bad first: the worst counts."""
LONGEST_S = 1e9


def counts_in(content: bytes) -> TestCounts | None:
    """The counts of a file; None when it is no JUnit file. Suites' own sums are not believed: cases are counted."""
    cases = _Cases()
    if not scan(content, cases):
        return None
    ended = cases.ended
    return TestCounts(
        total=ended.total(),
        passed=ended[""],
        failed=ended["failure"],
        skipped=ended["skipped"],
        errors=ended["error"],
        duration_ms=round(cases.seconds * 1000),
    )


class _Cases:
    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()
        self.seconds = 0.0
        self._case_depth = 0
        self._worst = ""

    def start(self, tag: str, attributes: dict[str, str], depth: int) -> None:
        if depth == 1 and tag not in ROOTS:
            raise OtherKind(tag)
        if tag == "testcase" and not self._case_depth:
            self._case_depth, self._worst = depth, ""
            self.seconds += _seconds(attributes.get("time", ""))
        elif tag in BADNESS and depth == self._case_depth + 1 and self._case_depth:
            self._worst = max(self._worst, tag, key=lambda kind: BADNESS.get(kind, 0))

    def end(self, tag: str, depth: int) -> None:
        if depth == self._case_depth:
            self.ended[self._worst] += 1
            self._case_depth = 0


def _seconds(text: str) -> float:
    """A time as written; 0 for what is none, or none that a test can take."""
    try:
        seconds = float(text.replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if isfinite(seconds) and 0 <= seconds <= LONGEST_S else 0.0
