"""Who holds a task, and what comes from somebody else."""

from typing import Any

import pytest

from contracts.decided import DecidedEvent, DecidedKind
from question_broker.decisions.asking import NOT_HELD, question_of
from question_broker.decisions.ending import ended_attempts
from question_broker.decisions.fencing import Holder, holders_of, is_foreign, is_stale
from servicekit.ids import new_event_id
from tests.support.examples import MINIMAL, NOW, event

HOLDER = Holder(2, "w2", NOW)


def news(kind: DecidedKind, attempt: int, worker_id: str | None = "w1", task_id: str = "t") -> DecidedEvent:
    return DecidedEvent(
        event_id=new_event_id(), kind=kind, occurred_at=NOW, task_id=task_id, attempt=attempt, worker_id=worker_id
    )


def sent(attempt: int | None, worker_id: str = "w2") -> Any:
    return event("question", MINIMAL["question"], attempt=attempt, worker_id=worker_id)


@pytest.mark.parametrize("backwards", [False, True])
def test_the_newest_assignment_says_who_holds_a_task_in_whatever_order_the_news_comes(backwards: bool) -> None:
    told = [news(DecidedKind.task_assigned, number, f"w{number}") for number in (1, 2, 3)]
    told.append(news(DecidedKind.task_running, 9))
    assert holders_of(told[::-1] if backwards else told) == {"t": Holder(3, "w3", NOW)}


@pytest.mark.parametrize(
    ("attempt", "worker_id", "stale", "foreign"),
    [
        (1, "w1", True, False),
        (1, "w2", True, False),
        (2, "w2", False, False),
        (2, "w1", True, True),
        (3, "w1", False, False),
        (None, "w1", False, False),
    ],
)
def test_an_older_attempt_and_another_worker_are_stale_and_a_newer_one_may_be_ahead_of_the_news(
    attempt: int | None, worker_id: str, stale: bool, foreign: bool
) -> None:
    asked = sent(attempt, worker_id)
    assert (is_stale(asked, HOLDER), is_foreign(asked, HOLDER)) == (stale, foreign)
    assert not is_stale(asked, None)


def test_an_attempt_that_was_given_to_a_worker_ends_all_before_it() -> None:
    assert ended_attempts([news(DecidedKind.task_assigned, 3), news(DecidedKind.task_requeued, 1)]) == {"t": 2}
    assert ended_attempts([news(DecidedKind.task_assigned, 1)]) == {}


def test_a_question_in_the_name_of_anothers_attempt_is_withdrawn_at_once() -> None:
    asked = question_of(sent(2, "w1"), 0, holder=HOLDER)
    assert (asked.is_open, asked.additional_context) == (False, NOT_HELD)
    assert question_of(sent(2), 0, holder=HOLDER).is_open
