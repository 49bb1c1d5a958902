import numpy as np
import pytest

from analytics_query.domain.vocabulary import Dimension
from tests.support.examples import FULL
from tests.support.folding import REPOSITORY, folded, reported


def test_an_attempt_ends_in_its_newest_coverage_and_has_changed_it_since_its_first() -> None:
    values = np.random.default_rng(5).uniform(40, 90, 30).round(2)
    events = [reported("coverage", seq, {"line_percent": value}) for seq, value in enumerate(values.tolist(), 1)]
    result = folded(*reversed(events))
    assert result.spread("line_coverage@reported").count == 1
    assert result.spread("line_coverage@reported").mean == pytest.approx(values[-1])
    assert result.last("line_coverage@reported") == pytest.approx(values[-1])
    assert result.spread("line_coverage_delta@reported").mean == pytest.approx(np.diff(values).sum())


def test_one_measurement_is_no_change() -> None:
    result = folded(reported("coverage", 1, {"line_percent": 50, "branch_percent": 40}))
    assert result.spread("line_coverage_delta@reported").count == 0
    assert result.spread("branch_coverage@reported").mean == 40


def test_coverage_is_told_by_runs_of_tests_and_by_sets_of_analytics() -> None:
    tests = reported("tests", 1, {"results": {"total": 1, "passed": 1, "line_coverage_percent": 61}})
    figures = {"coverage_percent": 55, "line_coverage_percent": 62, "branch_coverage_percent": 41}
    analytics = reported("analytics", 2, {"analytics_type": "test", "data": figures})
    result = folded(tests, analytics)
    assert (result.last("line_coverage@reported"), result.last("branch_coverage@reported")) == (62, 41)


@pytest.mark.parametrize(
    "event",
    [
        reported("analytics", 1, {"analytics_type": "quality", "data": {"test_coverage": 55}}),
        reported("quality", 1, {"file_path": ".", "metrics": {"test_coverage": 55}}),
    ],
    ids=lambda event: event.kind,
)
def test_a_total_stands_for_lines_unless_lines_are_told(event: object) -> None:
    assert folded(event).last("line_coverage@reported") == 55  # pyright: ignore[reportArgumentType]
    lines = reported("coverage", 2, {"line_percent": 70})
    assert folded(event, lines).last("line_coverage@reported") == 70  # pyright: ignore[reportArgumentType]


def test_what_is_no_percentage_is_left_out() -> None:
    for wrong in ("high", True, -1, 101, None, 1e300):
        event = reported("analytics", 1, {"analytics_type": "quality", "data": {"test_coverage": wrong}})
        assert folded(event).last("line_coverage@reported") is None


def test_the_outcome_tells_the_mean_of_the_reports_it_found() -> None:
    reports = [{"path": "a.xml", "line_percent": 60}, {"path": "b.xml", "line_percent": 90, "branch_percent": 50}]
    body = {"observed": FULL["outcome"]["observed"] | {"coverage": reports}}
    result = folded(reported("coverage", 1, {"line_percent": 99}), reported("outcome", 2, body))
    assert (result.last("line_coverage@observed"), result.last("branch_coverage@observed")) == (75, 50)
    assert result.last("line_coverage@reported") == 99


def test_the_newest_values_are_not_told_of_agents_whose_name_is_not_certain() -> None:
    result = folded(reported("coverage", 1, {"line_percent": 50}), reported("outcome", 2, FULL["outcome"]))
    assert result.spread("line_coverage@reported", Dimension.agent, "auditor").count == 1
    assert result.last("line_coverage@reported", Dimension.agent, "auditor") is None
    assert result.last("line_coverage@reported", Dimension.task_class, REPOSITORY, "fix") == 50
