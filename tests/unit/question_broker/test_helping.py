"""What a helper's response is worth."""

from dataclasses import replace

import pytest

from contracts.decided import DecidedEvent, DecidedKind
from contracts.events import CollaborationResponseEvent
from contracts.questions import QuestionState
from question_broker.decisions.asking import question_of
from question_broker.decisions.helping import Standing, links_of, standing_of
from question_broker.domain import Link, Question
from servicekit.ids import new_event_id
from tests.support.examples import FULL, NOW, event

OPEN = question_of(event("collaboration_request", FULL["collaboration_request"]), 0)  # type: ignore[arg-type]
LINKED = replace(OPEN, linked_task_id="task-l", helper_worker="w2", helper_attempt=2)


def response(
    worker_id: str = "w2", task_id: str | None = "task-l", attempt: int | None = 2
) -> CollaborationResponseEvent:
    body = {"question_id": OPEN.question_id, "status": "completed"}
    made = event("collaboration_response", body, worker_id=worker_id, task_id=task_id, attempt=attempt)
    assert isinstance(made, CollaborationResponseEvent)
    return made


@pytest.mark.parametrize(
    ("question", "said", "standing"),
    [
        (LINKED, response(), Standing.current),
        (LINKED, response(attempt=1), Standing.stale),
        (LINKED, response(attempt=3), Standing.early),
        (OPEN, response(), Standing.early),
        (LINKED, response(worker_id="w3"), Standing.foreign),
        (LINKED, response(task_id="task-x"), Standing.foreign),
        (LINKED, response(task_id=None, attempt=None), Standing.foreign),
        (OPEN, response(worker_id=OPEN.worker_id), Standing.foreign),
        (None, response(), Standing.foreign),
        (question_of(event("question", FULL["question"]), 0), response(), Standing.foreign),  # type: ignore[arg-type]
        (LINKED.answered("done", None, "w2", NOW), response(), Standing.late),
    ],
)
def test_only_the_attempt_that_helps_now_counts(
    question: Question | None, said: CollaborationResponseEvent, standing: Standing
) -> None:
    assert standing_of(said, question) is standing


def test_the_newest_attempt_helps_in_whatever_order_the_news_comes() -> None:
    def assigned(attempt: int) -> DecidedEvent:
        return DecidedEvent(
            event_id=new_event_id(),
            kind=DecidedKind.task_assigned,
            occurred_at=NOW,
            task_id="task-l",
            attempt=attempt,
            worker_id=f"w{attempt}",
            question_id="q-1",
        )

    assert links_of([assigned(1), assigned(3), assigned(2)]) == [Link("q-1", "task-l", 3, "w3")]


def test_a_request_of_an_ended_attempt_asks_nobody() -> None:
    withdrawn = question_of(event("collaboration_request", FULL["collaboration_request"]), 1)  # type: ignore[arg-type]
    assert withdrawn.state is QuestionState.withdrawn
