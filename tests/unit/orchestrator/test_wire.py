"""What is written by hand for speed is exactly what the contracts say."""

from typing import Any

import orjson
import pytest

from contracts.decided import DecidedEvent, DecidedKind, TaskAbout
from contracts.tasks import Assignment, CollaborationTerms, NewTask, Requirements, TaskState, TaskView
from orchestrator.domain import AttemptRef, NewTaskRow
from orchestrator.handlers.creating import prepare, traits_of, view_json
from orchestrator.handlers.telling import about_task, about_worker, traits_data
from orchestrator.store.rows import assignment_json
from tests.support.examples import NOW

FULL: dict[str, Any] = {
    "description": "ü",
    "priority": "critical",
    "worker_id": "w1",
    "requirements": {"tags": ["gpu"], "own": {"a": [1, None]}, "limits": {"run_ms": 5}},
    "estimated_duration_ms": 0,
    "max_attempts": 7,
}


@pytest.mark.parametrize("given", [FULL, {"description": "x"}])
def test_a_new_task_is_shown_as_its_view(given: dict[str, Any]) -> None:
    task = NewTask.model_validate(given)
    row = NewTaskRow("task-1", task, task.requirements.to_json().decode(), "", "", "", NOW, NOW)
    view = TaskView(
        task_id="task-1", status=TaskState.queued, created_at=NOW, **task.model_dump(exclude={"idempotency_key"})
    )
    assert orjson.loads(view_json(row)) == orjson.loads(view.to_json())


@pytest.mark.parametrize("estimated", [None, 0, 5])
def test_an_assignment_is_written_as_its_contract(estimated: int | None) -> None:
    requirements = Requirements.model_validate(FULL["requirements"])
    fields = {
        "task_id": "task-1",
        "attempt": 2,
        "description": "ü",
        "priority": "high",
        "estimated_duration_ms": estimated,
        "created_at": NOW,
        "assigned_at": NOW,
        "epoch": 3,
    }
    terms = CollaborationTerms(question_id="q-1", collaboration_type="testing", from_worker="w2", deadline_at=NOW)
    row = fields | {
        "assigned_worker": "w1",
        "requirements_json": requirements.to_json(),
        "collaboration_json": terms.to_json() if estimated else None,
    }
    more = {"worker_id": "w1", "requirements": requirements, "lease_ms": 30_000}
    wanted = Assignment.model_validate(fields | more | ({"collaboration": terms} if estimated else {}))
    assert orjson.loads(assignment_json(row, 30_000)) == orjson.loads(wanted.to_json())


def test_domain_events_are_written_as_their_contract() -> None:
    ref = AttemptRef("task-1", 2)
    about = about_task(DecidedKind.task_failed, ref, NOW, worker_id="w1", actor="ada", data={"reason": "r"})
    event = DecidedEvent.model_validate_json(about.json)
    assert orjson.loads(about.json) == orjson.loads(event.to_json())
    assert (event.kind, event.task_id, event.attempt) == (DecidedKind.task_failed, "task-1", 2)
    assert (event.worker_id, event.actor, event.data, event.occurred_at) == ("w1", "ada", {"reason": "r"}, NOW)
    fresh = DecidedEvent.model_validate_json(about_task(DecidedKind.task_queued, AttemptRef("t", 0), NOW).json)
    assert (fresh.attempt, fresh.worker_id, fresh.data) == (None, None, {})
    worker = DecidedEvent.model_validate_json(about_worker(DecidedKind.worker_online, "w1", NOW).json)
    assert (worker.worker_id, worker.task_id) == ("w1", None)


@pytest.mark.parametrize(
    ("requirements", "told"),
    [
        ({}, {}),
        (
            {"repository": "https://me:s3cret@host/a.git", "agent": "claude", "task_class": "nightly"},
            {"repository": "https://host/a.git", "agent": "claude", "task_class": "nightly"},
        ),
        ({"task_class": 7}, {}),
        ({"task_class": ""}, {}),
        ({"task_class": "x" * 201}, {}),
    ],
)
def test_what_reports_group_tasks_by_is_told_as_its_contract(requirements: Any, told: dict[str, Any]) -> None:
    task = NewTask.model_validate(FULL | {"requirements": requirements})
    data = traits_data(traits_of(prepare(task, NOW)))
    event = DecidedEvent.model_validate_json(
        about_task(DecidedKind.task_queued, AttemptRef("t", 0), NOW, data=data).json
    )
    about = {"priority": "critical", "created_at": NOW, "estimated_duration_ms": 0} | told
    assert TaskAbout.model_validate(event.data, strict=False) == TaskAbout.model_validate(about)
    assert event.data == TaskAbout.model_validate(about).to_dict()
