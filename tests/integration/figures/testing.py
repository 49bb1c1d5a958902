"""Runs of tests, tests that fail now and then, and bugs."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from tests.integration.figures import quality, security
from tests.integration.figures.entries import LEVELS, Entry, Figure, Metric, per, share, total
from tests.integration.figures.tasks import ATTEMPTS
from tests.integration.figures.world import Attempt, Json, World

EDITING = ("edit", "write", "patch", "replace", "create")


class Run(NamedTuple):
    """A run of a suite, between which changes it was, and what failed in it."""

    stretch: int
    size: int
    names_all: bool
    failed: frozenset[str]


def _counted(counts: Json) -> dict[str, int]:
    failed = counts.get("failed", 0) + counts.get("errors", 0)
    green = counts["total"] > 0 and failed == 0 and counts.get("exit_code") in (None, 0)
    return {
        "run": counts["total"],
        "passed": counts["passed"],
        "failed": failed,
        "runs": 1,
        "green": int(green),
    }


def _all_counts(attempt: Attempt) -> Iterator[tuple[str, dict[str, int]]]:
    """Of each run its level of evidence and its counts."""
    for one in attempt.of("tests"):
        yield one["evidence"], _counted(one["body"]["results"])
    for level in ("observed", "verified"):
        for file in ((attempt.outcome or {}).get(level) or {}).get("tests") or []:
            yield level, _counted(file["counts"])


def newest_at(attempt: Attempt) -> int | None:
    """When the newest run was told."""
    said = [one["ms"] for one in attempt.of("tests")]
    for one in attempt.of("outcome"):
        if any((one["body"].get(level) or {}).get("tests") for level in ("observed", "verified")):
            said.append(one["ms"])
    return max(said, default=None)


def counts_of(what: str) -> Metric:
    """A count over all runs."""

    def metric(world: World) -> Iterator[Entry]:
        for attempt in world.attempts:
            at = attempt.at(newest_at(attempt))
            for level, counts in _all_counts(attempt) if at is not None else ():
                assert at is not None
                yield Entry(at, attempt.groups, counts[what], level)

    return metric


def _is_change(one: Json) -> bool:
    kind, body = one["kind"], one["body"]
    if kind == "tool_call":
        return any(word in body["tool_name"].lower() for word in EDITING)
    return kind == "code_change" or (kind == "milestone" and body["milestone_type"] == "bug_fixed")


def _runs(attempt: Attempt) -> dict[tuple[str, str], list[Run]]:
    found: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
    stretch = 0
    for one in attempt.reports:
        stretch += _is_change(one)
        if one["kind"] == "tests":
            body, counts = one["body"], _counted(one["body"]["results"])
            names = [failed["test_name"] for failed in body.get("failed_tests", [])]
            run = Run(stretch, counts["run"], counts["failed"] <= len(names), frozenset(names))
            found[one["evidence"], body["test_suite"]].append(run)
    return found


def _flaky(name: str, runs: list[Run]) -> bool:
    return any(
        other.stretch == run.stretch and other.names_all and name not in other.failed and other.size >= run.size
        for run in runs
        if name in run.failed
        for other in runs
    )


def failing(attempt: Attempt, level: str) -> set[tuple[str, str]]:
    """Suites and names of tests that failed."""
    runs = _runs(attempt).items()
    return {
        (suite, name) for (evidence, suite), told in runs if evidence == level for run in told for name in run.failed
    }


def flaky(world: World) -> Iterator[Entry]:
    """Different flaky tests of each attempt."""
    for attempt in world.attempts:
        at = attempt.at(newest_at(attempt))
        for (level, _), runs in _runs(attempt).items():
            assert at is not None
            many = sum(_flaky(name, runs) for name in frozenset().union(*(run.failed for run in runs)))
            yield Entry(at, attempt.groups, many, level)


def _bugs_at(attempt: Attempt) -> int | None:
    fixed = [one["ms"] for one in attempt.reports if _is_fix(one)]
    told = (newest_at(attempt), security.newest_at(attempt), quality.newest_at(attempt), max(fixed, default=None))
    return attempt.at(max((at for at in told if at is not None), default=None))


def _is_fix(one: Json) -> bool:
    body = one["body"]
    return (one["kind"] == "milestone" and body["milestone_type"] == "bug_fixed") or (
        one["kind"] == "code_change" and body.get("change_type") == "bug_fix"
    )


def bugs_found(world: World) -> Iterator[Entry]:
    """Failing tests, and findings and issues that are at least high."""
    for attempt in world.attempts:
        at = _bugs_at(attempt)
        for level in LEVELS if at is not None else ():
            assert at is not None
            many = len(failing(attempt, level)) + security.severe(attempt, level) + quality.severe(attempt, level)
            yield Entry(at, attempt.groups, many, level)


def bugs_fixed(world: World) -> Iterator[Entry]:
    """What milestones and code changes say was mended."""
    for attempt in world.attempts:
        at = _bugs_at(attempt)
        for one in attempt.reports:
            if _is_fix(one):
                assert at is not None
                yield Entry(at, attempt.groups, 1, one["evidence"])


RUN, PASSED, FAILED = counts_of("run"), counts_of("passed"), counts_of("failed")

FIGURES: dict[str, Figure] = {
    "test_pass_rate": share([PASSED], [PASSED, FAILED]),
    "tests_run": total(RUN),
    "tests_failed": total(FAILED, of=RUN),
    "green_run_rate": share([counts_of("green")], [counts_of("runs")]),
    "flaky_tests": total(flaky),
    "bugs_found": total(bugs_found),
    "bugs_fixed": total(bugs_fixed),
    "bug_detection_rate": per([bugs_found], ATTEMPTS, 100),
    "bug_fix_rate": share([bugs_fixed], [bugs_found]),
}
