"""Whether one distribution lies above another, and by how much."""

from bisect import bisect_left
from math import sqrt
from typing import NamedTuple

from analytics_query.decisions.statistics.intervals import two_sided
from analytics_query.decisions.statistics.ranked import Ranked
from analytics_query.domain.spreads import Spread

LARGE, MEDIUM, SMALL = 0.474, 0.33, 0.147
"""Sizes of Cliff's delta (Romano et al., 2006)."""


class Shift(NamedTuple):
    """How the first of two distributions lies to the second."""

    delta: float
    """Cliff's delta (N. Cliff, 1993): from -1, all below, to 1, all above."""
    p_value: float
    """Of the Mann-Whitney U test."""
    median: float
    other_median: float

    @property
    def relative(self) -> float | None:
        """Change of the median, as a share of the second's; None where that is zero."""
        return (self.median - self.other_median) / abs(self.other_median) if self.other_median else None


def compare_spreads(first: Spread, second: Spread) -> Shift | None:
    """The Mann-Whitney U test on binned values, with correction for ties and for continuity (Mann and Whitney, 1947).

    Values in one bin are tied. None if one of them is empty.
    """
    one, other = Ranked.of(first), Ranked.of(second)
    median, other_median = one.median, other.median
    if median is None or other_median is None:
        return None
    u, ties = _u_statistic(one, other)
    pairs = one.count * other.count
    return Shift(2 * u / pairs - 1, _p_value(u, ties, one.count, other.count), median, other_median)


def size_of(delta: float) -> str:
    """Cliff's delta in a word."""
    size = abs(delta)
    return "large" if size >= LARGE else "medium" if size >= MEDIUM else "small" if size >= SMALL else "negligible"


def _u_statistic(one: Ranked, other: Ranked) -> tuple[float, int]:
    """U of the first, half a point for each tied pair; and the sum of t³ − t over the ties."""
    if len(other.places) < len(one.places):
        u, ties = _u_statistic(other, one)
        return one.count * other.count - u, ties
    u, ties = 0.0, _ties(one) + _ties(other)
    places, times, running = other.places.tolist(), other.times.tolist(), other.running
    for place, my in zip(one.places.tolist(), one.times.tolist(), strict=True):
        at = bisect_left(places, place)
        u += my * (running[at - 1] if at else 0)
        if at < len(places) and places[at] == place:
            your = times[at]
            u += my * your / 2
            ties += 3 * my * your * (my + your)
    return u, ties


def _ties(ranked: Ranked) -> int:
    return sum([times * (times * times - 1) for times in ranked.times.tolist() if times > 1])


def _p_value(u: float, ties: int, n: int, m: int) -> float:
    total = n + m
    variance = n * m / 12 * ((total + 1) - ties / (total * (total - 1))) if total > 1 else 0.0
    if variance <= 0:
        return 1.0
    away = max(0.0, abs(u - n * m / 2) - 0.5)
    return two_sided(away / sqrt(variance))
