"""Which sums are kept, and in which parts a stretch of time is summed up."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_query.decisions.cover import Stretch
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import WIDTH, Dimension, Resolution
from analytics_query.store.kept import KeptSums, Part, Run, Sum, stretches_of

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
RUN = Run(Dimension.worker, Resolution.day, SINCE, SINCE + timedelta(days=3), "")


def part(name: str) -> Part:
    return Part(RUN, name)


def made(*counts: int) -> Sum:
    return Sum((1,), Figures(counts={str(place): count for place, count in enumerate(counts)}))


def test_what_was_asked_for_last_stays_within_the_bound() -> None:
    kept = KeptSums(most_numbers=45)
    for name in "abcd":
        kept.keep(part(name), made(1, 2, 3))
        assert kept.numbers <= 45
    assert kept.known(part("b")) == made(1, 2, 3)
    kept.keep(part("e"), made(1, 2, 3))
    assert [name for name in "abcde" if kept.known(part(name))] == ["b", "d", "e"]


def test_what_was_asked_for_again_outlasts_many_that_were_not() -> None:
    kept = KeptSums(most_numbers=300)
    for name in "abc":
        kept.keep(part(name), made(1, 2, 3))
        assert kept.known(part(name))
    for number in range(100):
        kept.keep(part(str(number)), made(1, 2, 3))
    assert all(kept.known(part(name)) for name in "abc")
    for number in range(100, 200):
        kept.keep(part(str(number)), made(1, 2, 3))
        assert kept.known(part(str(number)))
    assert not any(kept.known(part(name)) for name in "abc")
    assert kept.numbers <= 300


@pytest.mark.parametrize(("position", "is_true"), [(7, True), (8, False), (None, False)])
def test_a_sum_is_true_at_the_position_at_which_its_rows_were_looked_at(position: int | None, is_true: bool) -> None:
    kept = KeptSums(most_numbers=1_000)
    kept.keep(part("a"), made(1), 7)
    assert kept.is_true(part("a"), position) is is_true
    kept.keep(part("a"), made(1), None)
    assert not kept.is_true(part("a"), position)


def test_a_sum_that_is_made_anew_takes_the_place_of_the_old_one() -> None:
    kept = KeptSums(most_numbers=1_000)
    kept.keep(part("a"), made(1, 2, 3))
    size = kept.numbers
    kept.keep(part("a"), made(4, 5, 6))
    assert (kept.numbers, kept.known(part("a"))) == (size, made(4, 5, 6))


@pytest.mark.parametrize("most", [0, 5])
def test_what_is_larger_than_the_bound_is_not_kept(most: int) -> None:
    kept = KeptSums(most)
    kept.keep(part("a"), made(*range(20)))
    assert (kept.numbers, kept.known(part("a"))) == (0, None)


@given(st.sampled_from(Resolution), st.integers(1, 40), st.integers(-5, 5))
def test_the_parts_of_a_stretch_are_side_by_side_and_cover_it(resolution: Resolution, buckets: int, ahead: int) -> None:
    width = WIDTH[resolution]
    stretch = Stretch(resolution, SINCE, SINCE + buckets * width)
    parts = stretches_of(stretch, stretch.until + ahead * width)
    assert [one.since for one in parts] == [SINCE, *(one.until for one in parts[:-1])]
    assert parts[-1].until == stretch.until
    assert all(one.since < one.until for one in parts)
    is_past = ahead >= 2
    assert len(parts) == (2 if buckets > 2 and not is_past else 1)
