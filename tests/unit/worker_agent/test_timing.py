from datetime import timedelta

import pytest

from tests.support.examples import NOW
from worker_agent.decisions.timing import offset

HOUR = timedelta(hours=1)
MS = timedelta(milliseconds=1)


@pytest.mark.parametrize("wrong", [HOUR, -HOUR, timedelta(seconds=1.5)])
def test_a_clock_is_set_right_by_the_middle_between_asking_and_answer(wrong: timedelta) -> None:
    asked_at = NOW + wrong
    assert offset(asked_at, NOW + 20 * MS, asked_at + 40 * MS) == -wrong


@pytest.mark.parametrize("wrong", [timedelta(0), 900 * MS, -900 * MS])
def test_a_clock_that_is_hardly_wrong_is_left_alone(wrong: timedelta) -> None:
    assert offset(NOW + wrong, NOW, NOW + wrong) == timedelta(0)


@pytest.mark.parametrize("took", [timedelta(seconds=2.1), -MS])
def test_an_answer_that_was_long_on_its_way_or_before_a_clock_was_set_says_nothing(took: timedelta) -> None:
    assert offset(NOW, NOW + HOUR, NOW + took) is None


def test_a_clock_that_is_off_by_about_what_is_tolerated_does_not_go_to_and_fro() -> None:
    asked_at = NOW + 990 * MS
    assert offset(asked_at, NOW, asked_at, is_corrected=True) == -990 * MS
    assert offset(NOW + 400 * MS, NOW, NOW + 400 * MS, is_corrected=True) == timedelta(0)
