"""How much a worker may ask for."""

from dataclasses import replace

from contracts.questions import QuestionState, Ruling
from question_broker.decisions.asking import question_of
from question_broker.decisions.quotas import Quotas, Used, beyond, refused
from question_broker.domain import Question
from tests.support.examples import FULL, NOW, event

NOTHING = Used({}, {})


def requests(count: int, first: int = 0, **changes: object) -> list[Question]:
    made = question_of(event("resource_request", FULL["resource_request"]), 0)  # type: ignore[arg-type]
    return [replace(made, question_id=f"q-{n}", **changes) for n in range(first, first + count)]  # type: ignore[arg-type]


def test_what_is_beyond_the_attempts_quota_is_refused() -> None:
    reasons = beyond(requests(5), Used({("task-123", 1): 2}, {}), Quotas(4, 100))
    assert sorted(reasons) == ["q-2", "q-3", "q-4"]
    assert "attempt 1 of task-123 has 4 open requests" in reasons["q-2"]


def test_another_attempt_has_a_quota_of_its_own_and_the_worker_one_for_all() -> None:
    mixed = requests(2) + requests(2, first=2, attempt=2)
    assert beyond(mixed, Used({("task-123", 1): 4}, {}), Quotas(4, 100)).keys() == {"q-0", "q-1"}
    reasons = beyond(mixed, Used({}, {"worker-1": 97}), Quotas(4, 100))
    assert reasons.keys() == {"q-3"}
    assert "worker-1 has made 100 requests within an hour" in reasons["q-3"]


def test_what_is_refused_uses_up_nothing() -> None:
    mixed = requests(3) + requests(2, first=3, attempt=2)
    assert beyond(mixed, NOTHING, Quotas(1, 3)).keys() == {"q-1", "q-2", "q-4"}


def test_a_refused_request_is_answered_by_the_system() -> None:
    (request,) = requests(1)
    closed = refused(request, "too many", NOW)
    assert (closed.state, closed.answer, closed.answered_by) == (QuestionState.answered, "refused: too many", "system")
    assert closed.decision is not None
    assert closed.decision.decision is Ruling.refused
