"""Plans: replaced by type, stepped through, and closed before work is called complete."""

from typing import Any

import pytest

from contracts.events.planning import Plan, PlanStepUpdate
from contracts.events.recovery import Completion
from worker_agent.decisions.plans import check_completion, with_plan, with_step
from worker_agent.domain import PlanNote
from worker_agent.errors import PlanOpen, PlanUnusable, StepUnknown


def plan(plan_type: str, *steps: str | dict[str, Any]) -> Plan:
    rows = [{"description": step} if isinstance(step, str) else step for step in steps]
    return Plan.model_validate({"plan_type": plan_type, "steps": rows})


def step(step_id: str, status: str = "completed", **more: Any) -> PlanStepUpdate:
    return PlanStepUpdate.model_validate({"step_id": step_id, "status": status, **more})


def completion(status: str = "completed") -> Completion:
    return Completion.model_validate({"status": status})


def standing(plans: list[PlanNote]) -> dict[str, dict[str, str]]:
    return {str(note.plan_type): {step.step_id: str(step.status) for step in note.steps} for note in plans}


def test_steps_have_the_ids_that_they_are_given_or_their_numbers() -> None:
    plans = with_plan([], plan("overall", "read", {"description": "write", "step_id": "w"}, "test"))
    assert standing(plans) == {"overall": {"1": "pending", "w": "pending", "3": "pending"}}


def test_a_plan_replaces_the_one_of_its_type_and_becomes_the_newest() -> None:
    plans = with_plan(with_plan(with_plan([], plan("overall", "a")), plan("phase", "b")), plan("overall", "c", "d"))
    assert list(standing(plans)) == ["phase", "overall"]
    assert len(plans[-1].steps) == 2


def test_two_steps_cannot_share_an_id() -> None:
    with pytest.raises(PlanUnusable, match="'2'"):
        with_plan([], plan("overall", {"description": "a", "step_id": "2"}, "b"))


def test_a_step_moves_in_the_newest_plan_that_has_it_unless_one_is_named() -> None:
    plans = with_plan(with_plan([], plan("overall", "a")), plan("phase", "b"))
    assert standing(with_step(plans, step("1"))) == {"overall": {"1": "pending"}, "phase": {"1": "completed"}}
    named = with_step(plans, step("1", plan_type="overall"))
    assert standing(named) == {"overall": {"1": "completed"}, "phase": {"1": "pending"}}


def test_an_unknown_step_is_refused_with_those_that_are_known() -> None:
    plans = with_plan(with_plan([], plan("overall", "a", {"description": "b", "step_id": "x"})), plan("phase", "c"))
    with pytest.raises(StepUnknown, match=r"given 'y', but the steps are: overall: 1, x; phase: 1"):
        with_step(plans, step("y"))
    with pytest.raises(StepUnknown, match=r"no subtask plan was reported yet: call report_plan first"):
        with_step(plans, step("x", plan_type="subtask"))
    with pytest.raises(StepUnknown, match=r"no plan was reported yet"):
        with_step([], step("1"))


@pytest.mark.parametrize("status", ["pending", "in_progress"])
def test_work_is_not_complete_while_a_step_is_open(status: str) -> None:
    plans = with_plan([], plan("overall", {"description": "write tests", "step_id": "t", "status": status}, "b"))
    with pytest.raises(PlanOpen, match=rf"2 steps.*'t' \({status}: write tests\).*update_plan_step.*'partial'"):
        check_completion(plans, completion())


@pytest.mark.parametrize("status", ["completed", "skipped", "failed"])
def test_work_is_complete_once_every_step_is_closed_in_some_way(status: str) -> None:
    check_completion(with_step(with_plan([], plan("phase", "a")), step("1", status)), completion())


@pytest.mark.parametrize("status", ["partial", "failed"])
def test_what_is_not_called_complete_may_end_with_open_steps(status: str) -> None:
    check_completion(with_plan([], plan("overall", "a")), completion(status))


def test_a_contingency_plan_need_not_be_done() -> None:
    check_completion(with_plan([], plan("contingency", "roll back")), completion())


def test_of_many_open_steps_the_first_are_named() -> None:
    plans = with_plan([], plan("overall", *(f"s{number}" for number in range(14))))
    with pytest.raises(PlanOpen, match="and 4 more"):
        check_completion(plans, completion())
