"""What is remembered of attempts that are not here yet."""

from worker_agent.domain import AttemptKey
from worker_agent.handlers.beforehand import MOST, Beforehand

FIRST, SECOND, OTHER = AttemptKey("t", 1), AttemptKey("t", 2), AttemptKey("u", 1)


def paused(*keys: AttemptKey) -> Beforehand:
    made = Beforehand()
    for key in keys:
        made.pause(key)
    return made


def test_going_on_is_said_of_an_attempt_of_a_task_or_of_all() -> None:
    one = paused(FIRST, SECOND, OTHER)
    one.resume("t", 2)
    assert one.paused == [FIRST, OTHER]
    one.resume("t", None)
    assert one.paused == [OTHER]
    one.resume(None, None)
    assert one.paused == []


def test_what_an_earlier_run_was_told_is_known_beside_what_comes() -> None:
    made = paused(FIRST)
    made.recall([SECOND], [OTHER])
    made.cancel(OTHER)
    assert (made.cancelled, made.paused) == ([SECOND, OTHER], [FIRST, OTHER])


def test_only_the_last_are_remembered() -> None:
    keys = [AttemptKey("t", number) for number in range(1, MOST + 3)]
    assert paused(*keys).paused == keys[2:]
