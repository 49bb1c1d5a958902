"""What is remembered of attempts that are not here yet."""

from worker_agent.domain import AttemptKey
from worker_agent.handlers.beforehand import MOST, Beforehand

FIRST, SECOND, OTHER = AttemptKey("t", 1), AttemptKey("t", 2), AttemptKey("u", 1)


def paused(*keys: AttemptKey) -> Beforehand:
    made = Beforehand()
    for key in keys:
        made.pause(key, f"because of {key.attempt}")
    return made


def test_going_on_is_said_of_an_attempt_of_a_task_or_of_all() -> None:
    one = paused(FIRST, SECOND, OTHER)
    one.resume("t", 2)
    assert list(one.paused) == [FIRST, OTHER]
    one.resume("t", None)
    assert list(one.paused) == [OTHER]
    one.resume(None, None)
    assert not one.paused


def test_what_an_earlier_run_was_told_is_known_beside_what_comes() -> None:
    made = paused(FIRST)
    made.recall([SECOND], [OTHER], ["lunch"])
    made.cancel(OTHER)
    assert list(made.cancelled) == [SECOND, OTHER]
    assert made.paused == {FIRST: "because of 1", OTHER: "lunch"}


def test_only_the_last_are_remembered() -> None:
    keys = [AttemptKey("t", number) for number in range(1, MOST + 3)]
    assert list(paused(*keys).paused) == keys[2:]
