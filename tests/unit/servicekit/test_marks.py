import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.marks import Marks

NUMBERS = st.lists(st.integers(min_value=1, max_value=60), max_size=120)


def claimed(numbers: list[int], marks: Marks | None = None) -> tuple[Marks, list[int]]:
    """The marks after all numbers, and those that were fresh."""
    marks = marks or Marks()
    fresh: list[int] = []
    for number in numbers:
        marks, is_fresh = marks.claim(number)
        if is_fresh:
            fresh.append(number)
    return marks, fresh


def covered(marks: Marks) -> set[int]:
    ranges = zip(marks.above[::2], marks.above[1::2], strict=True)
    return set(range(1, marks.low + 1)).union(*(range(first, last + 1) for first, last in ranges))


@given(NUMBERS)
def test_each_number_is_fresh_exactly_once_whatever_the_order(numbers: list[int]) -> None:
    marks, fresh = claimed(numbers)
    assert sorted(fresh) == sorted(set(numbers))
    assert covered(marks) == set(numbers)


@given(NUMBERS)
def test_the_marks_depend_on_the_numbers_alone_and_not_on_their_order(numbers: list[int]) -> None:
    assert claimed(numbers)[0] == claimed(sorted(set(numbers)))[0]


@given(NUMBERS)
def test_there_is_one_range_for_each_gap_and_no_more(numbers: list[int]) -> None:
    marks, _ = claimed(numbers)
    bounds = (marks.low, *marks.above)
    assert all(later - earlier >= 2 for earlier, later in zip(bounds[::2], bounds[1::2], strict=False))
    assert all(first <= last for first, last in zip(marks.above[::2], marks.above[1::2], strict=True))


@given(NUMBERS, st.integers(min_value=-5, max_value=70))
def test_membership_says_what_was_claimed(numbers: list[int], asked: int) -> None:
    marks, _ = claimed(numbers)
    assert (asked in marks) == (asked < 1 or asked in numbers)


@given(NUMBERS, NUMBERS)
def test_claiming_many_at_once_is_claiming_them_one_by_one(before: list[int], numbers: list[int]) -> None:
    marks, _ = claimed(before)
    after, fresh = marks.claim_all(numbers)
    one_by_one, expected = claimed(numbers, marks)
    assert after == one_by_one
    assert [number for number, is_fresh in zip(numbers, fresh, strict=True) if is_fresh] == expected


@given(st.integers(min_value=0, max_value=5), st.integers(min_value=0, max_value=20))
def test_a_dense_run_is_claimed_whole(low: int, count: int) -> None:
    assert Marks(low).claim_all(list(range(low + 1, low + 1 + count))) == (Marks(low + count), [True] * count)


@given(st.permutations(range(1, 13)))
def test_dense_numbers_leave_a_low_mark_only(numbers: list[int]) -> None:
    assert claimed(numbers)[0] == Marks(12)


def test_a_producer_first_seen_in_the_middle_can_still_fill_in_what_came_before() -> None:
    marks, fresh = claimed([7, 8, 1, 2])
    assert fresh == [7, 8, 1, 2]
    assert marks == Marks(2, (7, 8))


def test_a_hundred_thousand_lost_numbers_cost_one_range() -> None:
    marks, _ = claimed([1, 2, 100_003, 100_004])
    assert marks == Marks(2, (100_003, 100_004))


@pytest.mark.parametrize("number", [0, -1])
def test_numbers_below_one_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="start at 1"):
        Marks().claim(number)
