"""What the fleet keeps, and how a search is loosened."""

from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Any

import pytest

from contracts.events import LearningEvent
from question_broker.decisions.remembering import NewLearning, learnings_of, loosened
from servicekit.ids import new_event_id
from tests.support.examples import NOW, event


def shared(**body: Any) -> LearningEvent:
    made = event("learning", {"title": "Pin numpy", "content": "or builds fail"} | body, event_id=new_event_id())
    assert isinstance(made, LearningEvent)
    return made


def _kept(events: list[LearningEvent], stale: AbstractSet[str] = frozenset()) -> list[NewLearning]:
    return learnings_of(events, stale, NOW)


def test_case_and_white_space_make_no_other_learning() -> None:
    found = _kept([shared(), shared(title="pin  NUMPY"), shared(content="or\nbuilds fail ")])
    assert [(one.title, one.times_shared) for one in found] == [("Pin numpy", 3)]


def test_when_it_was_shared_is_not_for_the_worker_to_say() -> None:
    # Its age decides how long it is kept.
    ahead = shared().model_copy(update={"occurred_at": NOW + timedelta(days=999)})
    assert [(one.shared_at, one.recorded_at) for one in _kept([ahead])] == [(NOW, NOW)]


def test_another_repository_makes_another_and_a_star_means_all() -> None:
    found = _kept([shared(), shared(repository="*"), shared(repository="/a")])
    assert sorted((one.repository or "", one.times_shared) for one in found) == [("", 2), ("/a", 1)]


def test_the_text_is_not_mixed_up_with_the_title() -> None:
    assert len(_kept([shared(title="a b", content="c"), shared(title="a", content="b c")])) == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [("a -b c", "a   c"), ('a -"b c" d', "a   d"), ("pre-commit", "pre-commit"), ("-x", " "), ('"a b"', '"a b"')],
)
def test_unwanted_words_stay_unwanted(query: str, words: str) -> None:
    assert loosened(query).split() == words.split()


@pytest.mark.parametrize("stale_first", [True, False])
def test_what_an_attempt_without_its_task_shares_adds_nothing_to_what_others_share(stale_first: bool) -> None:
    valid, stale = shared(), shared(title="PIN numpy")
    found = _kept([stale, valid, stale] if stale_first else [valid, stale], {stale.event_id})
    assert [(one.title, one.times_shared, one.stale) for one in found] == [("Pin numpy", 1, False)]


def test_what_only_such_attempts_share_is_kept_as_stale() -> None:
    one, other = shared(), shared()
    found = _kept([one, other], {one.event_id, other.event_id})
    assert [(kept.times_shared, kept.stale) for kept in found] == [(2, True)]
