"""Which assignments are taken."""

import pytest

from contracts.base import Level
from contracts.tasks import Assignment, Requirements
from tests.support.examples import NOW
from worker_agent.decisions.admission import Verdict, admit
from worker_agent.domain import AttemptKey, AttemptRecord, Phase


def assignment(attempt: int = 1, task_id: str = "task-1", worker_id: str = "w") -> Assignment:
    return Assignment(
        task_id=task_id,
        attempt=attempt,
        worker_id=worker_id,
        description="x",
        priority=Level.low,
        requirements=Requirements(),
        created_at=NOW,
        assigned_at=NOW,
        lease_ms=1,
    )


def known(attempt: int, phase: Phase = Phase.running, task_id: str = "task-1") -> AttemptRecord:
    return AttemptRecord(assignment=assignment(attempt, task_id), phase=phase, token="t", accepted_at=NOW)


def test_a_new_attempt_is_taken() -> None:
    assert admit(assignment(), "w", [known(1, task_id="task-2")]).verdict is Verdict.take


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("phase", Phase)
def test_a_known_or_older_attempt_is_ignored_however_far_it_is(attempt: int, phase: Phase) -> None:
    assert admit(assignment(attempt), "w", [known(2, phase)]).verdict is Verdict.ignore


def test_a_newer_attempt_ends_those_that_still_run() -> None:
    admission = admit(assignment(4), "w", [known(2, Phase.reported), known(3, Phase.running)])
    assert (admission.verdict, admission.superseded) == (Verdict.take, (AttemptKey("task-1", 3),))


def test_what_is_for_another_worker_is_ignored() -> None:
    assert admit(assignment(worker_id="v"), "w", []).verdict is Verdict.ignore
