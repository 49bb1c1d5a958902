from typing import Any

import numpy as np
import pytest

from analytics_query.decisions.folding import tests
from analytics_query.decisions.folding.tests import flaky_tests
from analytics_query.domain.vocabulary import Dimension, clipped, joined
from contracts.events import EventBase
from tests.support.examples import FULL
from tests.support.folding import ENDED_AT, REPOSITORY, Folded, folded, in_batches, reported

SUITE = "unit"


def run(seq: int, *failing: str, total: int = 10, **more: Any) -> EventBase:
    results = {"total": total, "passed": total - len(failing), "failed": len(failing)} | more
    failed = [{"test_name": name} for name in failing]
    return reported("tests", seq, {"test_suite": SUITE, "results": results, "failed_tests": failed})


def flaky(*events: EventBase) -> list[str]:
    testing = folded(*events).document.testing
    return sorted(testing.failing[name].name for name in flaky_tests(testing))


def test_runs_of_tests_are_summed_by_evidence() -> None:
    rng = np.random.default_rng(7)
    passed, failed, errors, skipped = rng.integers(0, 9, (4, 50))
    runs = [
        {"total": int(p + f + e + s), "passed": int(p), "failed": int(f), "errors": int(e), "skipped": int(s)}
        for p, f, e, s in zip(passed, failed, errors, skipped, strict=True)
    ]
    result = folded(*(reported("tests", seq, {"results": counts}) for seq, counts in enumerate(runs, 1)))
    told = {metric: result.count(f"{metric}@reported") for metric in tests.METRICS}
    assert told == {
        "tests_run": int(np.sum([passed, failed, errors, skipped])),
        "tests_passed": int(passed.sum()),
        "tests_failed": int((failed + errors).sum()),
        "tests_skipped": int(skipped.sum()),
        "test_runs": 50,
        "test_runs_green": int(np.sum((failed + errors == 0) & (passed + skipped > 0))),
    }
    assert not any(metric.endswith("@observed") for metric in result.figures().counts)


@pytest.mark.parametrize(
    ("counts", "is_green"),
    [
        ({"total": 3, "passed": 3}, True),
        ({"total": 3, "passed": 2, "skipped": 1, "exit_code": 0}, True),
        ({"total": 0, "passed": 0}, False),
        ({"total": 3, "passed": 3, "exit_code": 1}, False),
        ({"total": 3, "passed": 2, "errors": 1}, False),
    ],
)
def test_a_run_is_green_when_something_ran_and_nothing_failed(counts: dict[str, int], is_green: bool) -> None:
    assert folded(reported("tests", 1, {"results": counts})).count("test_runs_green@reported") == is_green


def test_the_outcome_tells_what_was_observed_and_what_was_verified() -> None:
    outcome = FULL["outcome"]
    observed = [{"path": "a.xml", "counts": {"total": 4, "passed": 4}}] * 2
    verified = [{"path": "a.xml", "counts": {"total": 3, "passed": 1, "failed": 2}}]
    body = {
        "observed": outcome["observed"] | {"tests": observed},
        "verified": outcome["verified"] | {"tests": verified},
    }
    result = folded(run(1, "a"), reported("outcome", 2, body))
    assert [result.count(f"tests_run@{evidence}") for evidence in ("reported", "observed", "verified")] == [10, 8, 3]
    assert [result.count(f"test_runs_green@{evidence}") for evidence in ("observed", "verified")] == [2, 0]


def test_figures_count_at_the_end_of_the_attempt_and_for_all_its_groups() -> None:
    result = folded(run(1), reported("outcome", 2, FULL["outcome"]))
    found = {key.dimension for key, figures in result.rollups.items() if "tests_run@reported" in figures.counts}
    assert found == {Dimension(name) for name in ("system", "worker", "agent", "model", "repository", "task_class")}
    hours = {
        key.bucket_s
        for key, it in result.rollups.items()
        if key.resolution == "hour" and "tests_run@reported" in it.counts
    }
    assert hours == {int(ENDED_AT.timestamp()) // 3600 * 3600}


def test_what_an_attempt_reports_counts_nowhere_without_its_assignment() -> None:
    assert not [key for key in in_batches([[run(1, "a")]]).rollups if key.dimension is Dimension.repository]


def test_each_failing_test_has_its_own_figures() -> None:
    result = folded(run(1, "a", "b"), run(2, "a"), run(3))
    assert result.figures(Dimension.test, REPOSITORY, SUITE, "a").counts == {
        "failed_runs": 2,
        "runs_seen": 3,
        "flaky": 1,
    }
    assert result.figures(Dimension.test, REPOSITORY, SUITE, "b").counts == {
        "failed_runs": 1,
        "runs_seen": 3,
        "flaky": 1,
    }
    assert result.count("flaky_tests@reported") == 2


def test_a_test_that_fails_and_then_does_not_is_flaky() -> None:
    assert flaky(run(1, "a"), run(2)) == ["a"]
    assert flaky(run(1), run(2, "a")) == ["a"]


@pytest.mark.parametrize(
    "change",
    [
        reported("code_change", 2),
        reported("tool_call", 2, {"tool_name": "str_replace_editor"}),
        reported("milestone", 2, {"milestone_type": "bug_fixed"}),
    ],
    ids=lambda event: event.kind,
)
def test_a_test_that_is_mended_or_broken_by_a_change_is_not_flaky(change: EventBase) -> None:
    assert flaky(run(1, "a"), change, run(3)) == []
    assert flaky(run(1), change, run(3, "a")) == []
    assert flaky(run(1, "a"), change, run(3), run(4, "a")) == ["a"]


def test_looking_at_files_is_no_change() -> None:
    assert flaky(run(1, "a"), reported("tool_call", 2, {"tool_name": "read_file"}), run(3)) == ["a"]


def test_a_smaller_run_does_not_say_that_a_test_passed() -> None:
    assert flaky(run(1, "a"), run(2, total=3)) == []
    assert flaky(run(1, "a", failed=2), run(2, total=3)) == []
    assert flaky(run(1, "a", failed=2), run(2)) == ["a"]


def test_a_run_whose_failures_are_not_all_named_does_not_say_that_a_test_passed() -> None:
    assert flaky(run(1, "a"), run(2, failed=1)) == []


def test_another_suite_does_not_say_that_a_test_passed() -> None:
    other = reported("tests", 2, {"test_suite": "other", "results": {"total": 10, "passed": 10}})
    assert flaky(run(1, "a"), other) == []


def test_a_flood_of_failing_tests_stays_bounded_and_is_estimated() -> None:
    rng = np.random.default_rng(3)
    names = [f"test_{n}" for n in rng.permutation(3_000)]
    events = [run(seq, *names[seq * 500 : seq * 500 + 500], total=5_000) for seq in range(6)]
    result = folded(*events)
    testing = result.document.testing
    assert (len(testing.failing), result.count("test_runs@reported")) == (tests.MAX_FAILING, 6)
    assert result.count("bugs_found@reported") == pytest.approx(3_000, rel=0.3)
    assert len(testing.model_dump_json()) < 25_000


def test_names_that_are_too_long_for_an_index_keep_their_difference() -> None:
    long = ["é" * 5_000 + end for end in "ab"]
    assert all(len(clipped(name).encode()) <= 400 for name in long)
    result: Folded = folded(run(1, *long))
    tests_seen = {key.entity for key in result.rollups if key.dimension is Dimension.test}
    assert tests_seen == {joined(REPOSITORY, SUITE, name) for name in long}
    assert len(tests_seen) == 2
