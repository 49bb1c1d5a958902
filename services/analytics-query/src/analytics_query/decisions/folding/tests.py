"""Runs of tests: counts, tests that failed, and tests that fail now and then."""

from bisect import bisect_left, insort
from typing import Any

from analytics_query.decisions.folding.crediting import credited_at, later
from analytics_query.decisions.folding.groups import class_of, entities_of
from analytics_query.decisions.folding.tables import Credit, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.decisions.sampling import admitted, digest, keep_newest, newer
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.documents.testing import FailingTest, OutcomeRuns, RunSums, SuiteRuns, Testing
from analytics_query.domain.vocabulary import Dimension, clipped, joined, with_evidence
from contracts.events import Evidence

MAX_SUITES = 32
MAX_RUNS = 32
"""Newest runs of a suite that are compared for flaky tests."""
MAX_FAILING = 100
MAX_FAILURES = 16
MAX_CHANGES = 128
METRICS = ("tests_run", "tests_passed", "tests_failed", "tests_skipped", "test_runs", "test_runs_green")
"""In the order of `RunSums`."""
NONE_SO_LARGE = -1
EDITING = ("edit", "write", "patch", "replace", "create")
"""In the name of a tool: it changes files."""
BUG_FIXED = "bug_fixed"


def flaky_tests(testing: Testing) -> set[str]:
    """Digests of the failing tests that also did not fail, in a run of their suite without a change in between.

    A run says that a test did not fail if it has at least as many tests as one in which it failed, and all its failures
    are named.
    """
    return {name for name, test in testing.failing.items() if _flaky(test, testing)}


def _flaky(test: FailingTest, testing: Testing) -> bool:
    suite = testing.suites.get(digest(test.evidence, test.suite))
    if suite is None:
        return False
    known_from = _known_from(test, testing)
    failed = set(test.failed_at)
    smallest_failed: dict[int, int] = {}
    largest_other: dict[int, int] = {}
    for seq, size in suite.sizes.items():
        if seq < known_from:
            continue
        stretch = bisect_left(testing.changes, seq)
        if seq in failed:
            smallest_failed[stretch] = min(smallest_failed.get(stretch, abs(size)), abs(size))
        else:
            largest_other[stretch] = max(largest_other.get(stretch, size), size)
    return any(largest_other.get(stretch, NONE_SO_LARGE) >= size for stretch, size in smallest_failed.items())


def _known_from(test: FailingTest, testing: Testing) -> int:
    # Of what is bounded to the newest, only what is not older than the oldest kept is known.
    oldest_failure = test.failed_at[0] if len(test.failed_at) == MAX_FAILURES else 0
    oldest_change = testing.changes[0] if len(testing.changes) == MAX_CHANGES else 0
    return max(oldest_failure, oldest_change)


def _run(document: AttemptDocument, event: Any) -> None:
    testing, body, evidence = document.testing, event.body, event.evidence.value
    testing.newest_at = later(testing.newest_at, event.occurred_at)
    sums = testing.sums.get(evidence)
    ran = _sums_of(body.results)
    testing.sums[evidence] = ran if sums is None else sums.plus(ran)
    suite = clipped(body.test_suite)
    named = ran.failed <= len(body.failed_tests)
    _add_run(testing, digest(evidence, suite), event.seq, ran.tests if named else -ran.tests)
    for name in {clipped(failed.test_name) for failed in body.failed_tests}:
        _add_failure(testing, evidence, suite, name, event.seq)


def _add_run(testing: Testing, suite: str, seq: int, size: int) -> None:
    if not admitted(testing.suites, suite, MAX_SUITES):
        return
    runs, sizes = testing.suites.get(suite, SuiteRuns(0, {}))
    sizes[seq] = max(size, sizes.get(seq, size))
    keep_newest(sizes, MAX_RUNS)
    testing.suites[suite] = SuiteRuns(runs + 1, sizes)


def _add_failure(testing: Testing, evidence: str, suite: str, name: str, seq: int) -> None:
    test = digest(evidence, suite, name)
    if not admitted(testing.failing, test, MAX_FAILING):
        return
    known = testing.failing.get(test, FailingTest(evidence, suite, name, 0, []))
    _insert(known.failed_at, seq, MAX_FAILURES)
    testing.failing[test] = known._replace(failed_runs=known.failed_runs + 1)


def _insert(newest: list[int], seq: int, limit: int) -> None:
    place = bisect_left(newest, seq)
    if place == len(newest) or newest[place] != seq:
        insort(newest, seq)
        del newest[:-limit]


def _changed(document: AttemptDocument, event: Any) -> None:
    _insert(document.testing.changes, event.seq, MAX_CHANGES)


def _called(document: AttemptDocument, event: Any) -> None:
    tool = event.body.tool_name.lower()
    if any(word in tool for word in EDITING):
        _changed(document, event)


def _reached(document: AttemptDocument, event: Any) -> None:
    if event.body.milestone_type == BUG_FIXED:
        _changed(document, event)


def _outcome(document: AttemptDocument, event: Any) -> None:
    testing, body = document.testing, event.body
    told = OutcomeRuns(event.seq, _sums_in(body.observed), _sums_in(body.verified))
    testing.outcome = newer(testing.outcome, told)
    if told.observed.runs or told.verified.runs:
        testing.newest_at = later(testing.newest_at, event.occurred_at)


def _sums_in(seen: Any) -> RunSums:
    together = RunSums()
    for report in seen.tests if seen else ():
        together = together.plus(_sums_of(report.counts))
    return together


def _sums_of(counts: Any) -> RunSums:
    failed = counts.failed + counts.errors
    green = counts.total > 0 and failed == 0 and not counts.exit_code
    return RunSums(counts.total, counts.passed, failed, counts.skipped, 1, int(green))


def _credit(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    testing = document.testing
    at = credited_at(document, testing.newest_at)
    about = document.lifecycle.about
    if at is None or about is None:
        return
    entities = entities_of(key, document)
    for evidence, sums in _all_sums(testing, document.lifecycle.is_lost).items():
        for metric, count in zip(METRICS, sums, strict=True):
            ledger.count(entities, at, with_evidence(metric, evidence), count)
    flaky = flaky_tests(testing)
    repository, _ = class_of(about)
    for name, test in testing.failing.items():
        suite = testing.suites.get(digest(test.evidence, test.suite))
        entity = [(Dimension.test, joined(repository, test.suite, test.name))]
        ledger.count(entity, at, "failed_runs", test.failed_runs)
        ledger.count(entity, at, "runs_seen", suite.runs if suite else test.failed_runs)
        ledger.count(entity, at, "flaky", name in flaky)
        ledger.count(entities, at, with_evidence("flaky_tests", test.evidence), name in flaky)


def _all_sums(testing: Testing, is_lost: bool) -> dict[str, RunSums]:
    together = dict(testing.sums)
    if testing.outcome is not None and not is_lost:
        for evidence, sums in (
            (Evidence.observed.value, testing.outcome.observed),
            (Evidence.verified.value, testing.outcome.verified),
        ):
            together[evidence] = together.get(evidence, RunSums()).plus(sums)
    return together


FOLDS: dict[str, Fold] = {
    "tests": _run,
    "code_change": _changed,
    "tool_call": _called,
    "milestone": _reached,
    "outcome": _outcome,
}
CREDITS: tuple[Credit, ...] = (_credit,)
