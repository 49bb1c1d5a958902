from contracts.decided import DecidedEvent, DecidedKind
from contracts.events import EventBase
from telemetry_ingest.decisions.staleness import current_attempts, judge
from telemetry_ingest.domain import Current
from tests.support.examples import MINIMAL, NOW, event

SECOND = {"task-1": Current(2, "worker-1")}


def progress(attempt: int, task_id: str = "task-1", worker_id: str = "worker-1") -> EventBase:
    return event("progress", MINIMAL["progress"], attempt=attempt, task_id=task_id, worker_id=worker_id)


def assigned(attempt: int, kind: DecidedKind = DecidedKind.task_assigned) -> DecidedEvent:
    return DecidedEvent(
        event_id="01990000-0000-7000-8000-000000000001",
        kind=kind,
        occurred_at=NOW,
        task_id="task-1",
        attempt=attempt,
        worker_id="worker-1",
    )


def test_an_attempt_below_the_current_one_is_stale() -> None:
    assert [item.stale for item in judge([progress(1), progress(2)], SECOND)] == [True, False]


def test_another_worker_than_the_attempts_own_is_stale() -> None:
    assert judge([progress(2, worker_id="worker-9")], SECOND)[0].stale


def test_a_report_never_makes_an_attempt_current() -> None:
    events = [progress(2_000_000_000), progress(2)]
    assert [item.stale for item in judge(events, SECOND)] == [False, False]


def test_a_task_without_news_has_no_stale_events() -> None:
    events = [progress(5, "task-2"), event("registered", MINIMAL["registered"])]
    assert not any(item.stale for item in judge(events, SECOND))


def test_the_newest_assignment_is_current_whatever_the_order_of_the_news() -> None:
    news = [assigned(2), assigned(1), assigned(3, DecidedKind.task_completed)]
    assert current_attempts(news) == SECOND
