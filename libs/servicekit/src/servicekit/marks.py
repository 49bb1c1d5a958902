"""Which numbered batches of a producer have been applied: a low mark, and the ranges above it."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Marks:
    """All numbers up to `low` are applied, and those in the closed ranges of `above` (first, last, first, last, …).

    The ranges are sorted, and neither touch each other nor `low`, so their number is the number of gaps: numbers may
    come in any order, any number of times, and what is lost for good costs one range and no more.
    """

    low: int = 0
    above: tuple[int, ...] = ()

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.above, number)
        return number <= self.low or place % 2 == 1 or (place > 0 and self.above[place - 1] == number)

    def claim_all(self, numbers: Sequence[int]) -> tuple["Marks", list[bool]]:
        """`claim` for many numbers: what each of them was."""
        first, count = self.low + 1, len(numbers)
        if not self.above and numbers == list(range(first, first + count)):
            return Marks(self.low + count), [True] * count
        marks, fresh = self, list[bool]()
        for number in numbers:
            marks, is_fresh = marks.claim(number)
            fresh.append(is_fresh)
        return marks, fresh

    def claim(self, number: int) -> tuple["Marks", bool]:
        """The marks with `number` applied, and whether it was not applied before. Raises ValueError below 1."""
        if number < 1:
            raise ValueError(f"batch numbers start at 1, not {number}")
        if number == self.low + 1 and not self.above:
            return Marks(number), True
        if number in self:
            return self, False
        return _normalized(self.low, _inserted(self.above, number)), True


def _inserted(above: tuple[int, ...], number: int) -> tuple[int, ...]:
    """The ranges with a number that is in none of them, joined with its neighbours where it touches them."""
    place = bisect_right(above, number)
    before, after = above[:place], above[place:]
    first, last = number, number
    if before and before[-1] == number - 1:
        first, before = before[-2], before[:-2]
    if after and after[0] == number + 1:
        last, after = after[1], after[2:]
    return (*before, first, last, *after)


def _normalized(low: int, above: tuple[int, ...]) -> Marks:
    if above and above[0] == low + 1:
        return Marks(above[1], above[2:])
    return Marks(low, above)
