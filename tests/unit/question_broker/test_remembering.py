"""What the fleet keeps, and how a search is loosened."""

from typing import Any

import pytest

from contracts.events import LearningEvent
from question_broker.decisions.remembering import learnings_of, loosened
from tests.support.examples import event


def shared(**body: Any) -> LearningEvent:
    made = event("learning", {"title": "Pin numpy", "content": "or builds fail"} | body)
    assert isinstance(made, LearningEvent)
    return made


def test_case_and_white_space_make_no_other_learning() -> None:
    found = learnings_of([shared(), shared(title="pin  NUMPY"), shared(content="or\nbuilds fail ")])
    assert [(one.title, one.times_shared) for one in found] == [("Pin numpy", 3)]


def test_another_repository_makes_another_and_a_star_means_all() -> None:
    found = learnings_of([shared(), shared(repository="*"), shared(repository="/a")])
    assert sorted((one.repository or "", one.times_shared) for one in found) == [("", 2), ("/a", 1)]


def test_the_text_is_not_mixed_up_with_the_title() -> None:
    assert len(learnings_of([shared(title="a b", content="c"), shared(title="a", content="b c")])) == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [("a -b c", "a   c"), ('a -"b c" d', "a   d"), ("pre-commit", "pre-commit"), ("-x", " "), ('"a b"', '"a b"')],
)
def test_unwanted_words_stay_unwanted(query: str, words: str) -> None:
    assert loosened(query).split() == words.split()
