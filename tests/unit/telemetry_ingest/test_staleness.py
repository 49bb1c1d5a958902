from contracts.events import EventBase
from telemetry_ingest.decisions.staleness import judge, newest_attempts
from tests.support.examples import MINIMAL, event


def progress(attempt: int, task_id: str = "task-1") -> EventBase:
    return event("progress", MINIMAL["progress"], attempt=attempt, task_id=task_id)


def test_an_attempt_below_the_newest_is_stale() -> None:
    events = [progress(1), progress(2), progress(1)]
    newest = newest_attempts(events, {})
    assert newest == {"task-1": 2}
    assert [item.stale for item in judge(events, newest)] == [True, False, True]


def test_a_newer_attempt_that_was_known_before_counts() -> None:
    events = [progress(2)]
    assert judge(events, newest_attempts(events, {"task-1": 3}))[0].stale


def test_tasks_do_not_touch_each_other() -> None:
    events = [progress(1), progress(5, "task-2")]
    assert [item.stale for item in judge(events, newest_attempts(events, {}))] == [False, False]


def test_an_event_without_a_task_is_never_stale() -> None:
    events = [event("registered", MINIMAL["registered"])]
    assert newest_attempts(events, {}) == {}
    assert not judge(events, {"": 9})[0].stale
