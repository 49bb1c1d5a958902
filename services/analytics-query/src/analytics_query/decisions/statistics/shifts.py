"""Whether one distribution lies above another, and by how much."""

from math import sqrt
from typing import NamedTuple

import numpy as np

from analytics_query.decisions.statistics.intervals import two_sided
from analytics_query.decisions.statistics.ranked import Ranked
from analytics_query.domain.spreads import Spread

LARGE, MEDIUM, SMALL = 0.474, 0.33, 0.147
"""Sizes of Cliff's delta (Romano et al., 2006)."""
ZERO = bytes(8)


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


def _u_statistic(one: Ranked, other: Ranked) -> tuple[float, float]:
    """U of the first, half a point for each tied pair; and the sum of t³ − t over the ties."""
    below = np.frombuffer(b"".join((ZERO, other.running)), np.int64)
    less = below[other.places.searchsorted(one.places)]
    tied = below[other.places.searchsorted(one.places, "right")] - less
    mine, theirs = one.times.astype(float), other.times.astype(float)
    ties = mine @ (mine**2 - 1) + theirs @ (theirs**2 - 1) + 3 * (mine @ (tied * (mine + tied)))
    return float(mine @ (less + tied / 2)), float(ties)


def _p_value(u: float, ties: float, n: int, m: int) -> float:
    total = n + m
    variance = n * m / 12 * ((total + 1) - ties / (total * (total - 1))) if total > 1 else 0.0
    if variance <= 0:
        return 1.0
    away = max(0.0, abs(u - n * m / 2) - 0.5)
    return two_sided(away / sqrt(variance))
