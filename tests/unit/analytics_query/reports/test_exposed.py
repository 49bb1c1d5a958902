"""Which figures of quality the metrics show."""

from analytics_query.decisions.reports.exposed import Exposed, exposed
from analytics_query.domain.rollups import Figures
from tests.support.spreads import spread


def test_each_level_of_evidence_stands_for_itself_and_shares_are_from_0_to_1() -> None:
    whole = Figures(
        counts={
            **{"tasks_finished": 4, "tasks_completed": 3},
            **{"tests_run@observed": 10, "tests_passed@observed": 9, "tests_failed@observed": 1},
            **{"tests_run@verified": 2, "tests_passed@verified": 0, "tests_failed@verified": 2},
        },
        spreads={"line_coverage@observed": spread([80, 90])},
    )
    agents = {"claude": Figures(counts={"claims": 4, "claims_agreed": 1, "verified_passed": 1, "verified_failed": 3})}
    window = {"window": "1h"}
    assert exposed("1h", whole, agents) == [
        Exposed("task_success_ratio", window, 0.75),
        Exposed("test_pass_ratio", window | {"evidence": "verified"}, 0.0),
        Exposed("tests_run", window | {"evidence": "verified"}, 2),
        Exposed("line_coverage_ratio", window | {"evidence": "observed"}, 0.85),
        Exposed("test_pass_ratio", window | {"evidence": "observed"}, 0.9),
        Exposed("tests_run", window | {"evidence": "observed"}, 10),
        Exposed("claims_agreed_ratio", window | {"agent": "claude"}, 0.25),
        Exposed("verification_pass_ratio", window | {"agent": "claude"}, 0.25),
    ]


def test_what_nobody_has_measured_is_not_shown_as_nothing() -> None:
    assert exposed("24h", Figures(), {"claude": Figures(counts={"attempts_ended": 3})}) == []
