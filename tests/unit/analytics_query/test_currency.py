from analytics_query.decisions.currency import current_attempts
from analytics_query.domain.documents import AttemptKey
from contracts.decided import DecidedEvent, DecidedKind
from tests.support.examples import NOW


def news(attempt: int, worker_id: str, kind: DecidedKind = DecidedKind.task_assigned) -> DecidedEvent:
    return DecidedEvent(
        event_id="01990000-0000-7000-8000-000000000001",
        kind=kind,
        occurred_at=NOW,
        task_id="task-1",
        attempt=attempt,
        worker_id=worker_id,
    )


def test_the_newest_assignment_is_current_whatever_the_order_of_the_news() -> None:
    told = [news(2, "worker-1"), news(1, "worker-9"), news(3, "worker-5", DecidedKind.task_failed)]
    assert current_attempts(told) == {"task-1": AttemptKey("task-1", 2, "worker-1")}
