from typing import Any

import pytest

from auditor.figures import Figures
from auditor.gates import REPORT_ONLY, STANDARD, STRICT, judge, read_answer, read_wishes
from tests.support.audit_projects import PROJECT, figures


def test_good_figures_meet_every_demand() -> None:
    assert [one.met for one in judge(STRICT, figures())] == [True] * 4


@pytest.mark.parametrize(
    ("change", "missed"),
    [({"failed": 1}, 0), ({"coverage": 89.99}, 1), ({"highest": 16}, 2), ({"medium": 1}, 3), ({"high": 1}, 3)],
)
def test_each_figure_below_the_mark_misses_its_own_demand(change: dict[str, Any], missed: int) -> None:
    assert [place for place, one in enumerate(judge(STRICT, figures(**change))) if not one.met] == [missed]


def test_the_standard_gate_forgives_what_the_strict_one_does_not() -> None:
    assert all(one.met for one in judge(STANDARD, figures(coverage=80.0, highest=30, medium=7)))


def test_what_was_not_measured_is_missed() -> None:
    verdicts = judge(STANDARD, Figures(project=PROJECT))
    assert [one.met for one in verdicts] == [False] * 4
    assert judge(REPORT_ONLY, Figures(project=PROJECT)) == []


@pytest.mark.parametrize(
    ("answer", "gate"),
    [
        ("strict", STRICT),
        (" Strict please ", STRICT),
        ("report only", REPORT_ONLY),
        ("REPORT_ONLY", REPORT_ONLY),
        ("strict or standard", None),
        ("do what you like", None),
        ("", None),
        (None, None),
    ],
)
def test_an_answer_names_one_gate_or_none(answer: str | None, gate: object) -> None:
    assert read_answer(answer) == gate


def test_a_coverage_target_makes_the_question_needless() -> None:
    wishes = read_wishes({"test_coverage_target": "92.5%", "frameworks": ["x"]})
    assert wishes.gate is not None
    assert (wishes.gate.name, wishes.gate.coverage_percent) == ("standard", 92.5)


def test_a_complexity_limit_holds_for_whatever_gate_is_chosen() -> None:
    wishes = read_wishes({"max_complexity": 7})
    assert wishes.gate is None
    assert wishes.applied_to(STRICT).max_cyclomatic == 7


@pytest.mark.parametrize(
    "requirements",
    [
        {"test_coverage_target": "lots"},
        {"test_coverage_target": 101},
        {"test_coverage_target": True},
        {"quality_gate": []},
    ],
)
def test_a_requirement_that_makes_no_sense_is_complained_of_and_the_manager_asked(requirements: dict[str, Any]) -> None:
    wishes = read_wishes(requirements)
    assert wishes.gate is None
    assert len(wishes.complaints) == 1
    assert next(iter(requirements)) in wishes.complaints[0]
