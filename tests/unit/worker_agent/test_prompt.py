"""The prompt: what a coding agent is told."""

from datetime import UTC, datetime
from typing import Any

from contracts.tasks import CollaborationTerms, Requirements
from tests.unit.worker_agent.test_admission import assignment
from worker_agent.agents.prompt import prompt


def told(attempt: int = 1, terms: CollaborationTerms | None = None, **requirements: Any) -> str:
    wanted = Requirements.model_validate(requirements)
    changes = {"attempt": attempt, "requirements": wanted, "collaboration": terms, "description": "Mend the roof"}
    return prompt(assignment().model_copy(update=changes), lambda tool: f"w_{tool}", {"model"})


def test_it_begins_with_the_task_and_says_how_to_report() -> None:
    text = told()
    assert text.startswith("Mend the roof\n")
    assert all(f"w_{tool}" in text for tool in ("report_plan", "report_progress", "ask_manager", "report_completion"))
    assert "load_checkpoint" not in text
    assert len(text) < 1_200


def test_it_names_the_requirements_that_reach_the_agent_in_no_other_way() -> None:
    text = told(model="big", style={"quotes": "double"}, hint="look below", verify=["make test"], branch="roof")
    assert '- style: {"quotes": "double"}' in text
    assert "- hint: look below" in text
    assert "must exit with 0: make test" in text
    assert "branch roof" in text
    assert "big" not in text


def test_no_secret_of_the_task_is_in_it() -> None:
    assert "hush-hush" not in told(env={"API_KEY": "hush-hush"})


def test_a_later_attempt_begins_with_the_checkpoint() -> None:
    text = told(attempt=2)
    assert "Attempt 2" in text
    assert "w_load_checkpoint first" in text


def test_a_task_for_another_worker_says_how_to_answer() -> None:
    until = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    terms = CollaborationTerms(
        question_id="q-7", collaboration_type="review", from_worker="worker-2", deadline_at=until
    )
    text = told(terms=terms, branch="roof")
    assert "worker-2 asked for this (review)" in text
    assert "w_respond_to_collaboration, question_id q-7" in text
    assert "2026-01-02 03:04 UTC" in text
    assert "branch roof" not in text


def test_characters_that_nothing_can_carry_are_replaced() -> None:
    odd = assignment().model_copy(update={"description": "a\x00b\ud800"})
    assert prompt(odd, str).encode().startswith("a␀b?".encode())
