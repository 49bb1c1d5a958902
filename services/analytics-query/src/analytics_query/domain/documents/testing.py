"""Test runs of an attempt, and the tests that failed in them."""

from datetime import datetime
from typing import NamedTuple

from analytics_query.domain.documents.parts import Part


class RunSums(NamedTuple):
    """Sums over runs of tests."""

    tests: int = 0
    passed: int = 0
    failed: int = 0
    """Errors too."""
    skipped: int = 0
    runs: int = 0
    green: int = 0
    """Runs in which something ran and nothing failed."""

    def plus(self, other: "RunSums") -> "RunSums":
        """Both together."""
        return RunSums(*(one + another for one, another in zip(self, other, strict=True)))


class OutcomeRuns(NamedTuple):
    """What the newest outcome tells of tests."""

    seq: int
    observed: RunSums
    verified: RunSums


class SuiteRuns(NamedTuple):
    """Runs of one suite, by one level of evidence."""

    runs: int
    sizes: dict[int, int]
    """By `seq`, of the newest runs: how many tests it had; below 0: not all of its failures were named."""


class FailingTest(NamedTuple):
    """A test that failed at least once."""

    evidence: str
    suite: str
    name: str
    failed_runs: int
    failed_at: list[int]
    """`seq` of the newest runs in which it failed, ascending."""


class Testing(Part):
    """Counts are exact. Suites, tests and changes are bounded samples, chosen by their digests or as the newest."""

    newest_at: datetime | None = None
    sums: dict[str, RunSums] = {}
    """By evidence, of the reports of test runs."""
    outcome: OutcomeRuns | None = None
    suites: dict[str, SuiteRuns] = {}
    failing: dict[str, FailingTest] = {}
    changes: list[int] = []
    """`seq` of the newest signs that the code was changed, ascending."""
