from typing import Any

import pytest

from contracts.decided import DecidedEvent, DecidedKind, FleetSample, WorkerSample
from mcp_gateway.decisions.news import changed_by, changed_with_task
from mcp_gateway.domain import addresses

TASK = {"mews://tasks/t-1", "mews://tasks/t-1/streams"}
WORKER = {"mews://workers/w-1"}
QUESTIONS = {"mews://questions"}


def event(kind: str, **fields: Any) -> DecidedEvent:
    given = {"event_id": "01930000-0000-7000-8000-000000000001", "kind": kind, "occurred_at": "2026-11-23T10:00:00Z"}
    return DecidedEvent.model_validate(given | fields)


@pytest.mark.parametrize(
    ("told", "changed"),
    [
        (event("task.queued", task_id="t-1"), TASK),
        (event("task.assigned", task_id="t-1", worker_id="w-1"), TASK | WORKER),
        (event("worker.online", worker_id="w-1"), WORKER),
        (event("question.asked", question_id="q-1", worker_id="w-1", task_id="t-1"), TASK | WORKER | QUESTIONS),
        (event("question.expired", question_id="q-1", worker_id="w-1"), WORKER | QUESTIONS),
        (event("worker.sampled", data={"every_ms": "no sample"}), set()),
    ],
)
def test_a_decision_changes_all_that_shows_it(told: DecidedEvent, changed: set[str]) -> None:
    assert changed_by(told) == changed


def test_a_sample_changes_every_worker_in_it() -> None:
    workers = [WorkerSample(worker_id=name, slots_total=1, slots_free=1) for name in ("w-1", "w-2")]
    sample = FleetSample(every_ms=1_000, workers=workers)
    assert changed_by(event("worker.sampled", data=sample.to_dict())) == WORKER | {"mews://workers/w-2"}


@pytest.mark.parametrize("kind", DecidedKind)
def test_every_kind_of_decision_about_a_task_is_news_of_it(kind: DecidedKind) -> None:
    assert changed_by(event(kind, task_id="t-1")) >= changed_with_task("t-1")


@pytest.mark.parametrize(
    ("uri", "task", "known"),
    [
        ("mews://tasks/t-1", "t-1", True),
        ("mews://tasks/t-1/streams", "t-1", True),
        ("mews://workers/w-1", None, True),
        ("mews://questions", None, True),
        ("mews://tasks/..%2fworkers", None, False),
        ("mews://tasks/a/b", None, False),
        ("mews://tasks/{task_id}", None, False),
        ("mews://workers/", None, False),
        ("mews://moods", None, False),
        (f"mews://tasks/{'x' * 65}", None, False),
    ],
)
def test_an_address_is_read_strictly(uri: str, task: str | None, known: bool) -> None:
    assert (addresses.task_in(uri), addresses.is_known(uri)) == (task, known)
