"""Measures that a few wild values do not move."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import NormalDist, median
from typing import NamedTuple

from analytics_query.decisions.statistics import CONFIDENCE

CONSISTENT = 1.4826
"""Makes the median absolute deviation of normal values their standard deviation (Hampel, JASA 69, 1974)."""
DEVIATIONS = 3
Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)

Point = tuple[float, float]


class Slope(NamedTuple):
    """How much y grows for each x, with its confidence interval."""

    value: float
    low: float
    high: float


def theil_sen(points: Sequence[Point]) -> Slope | None:
    """The median slope of all pairs, with the interval of Sen (JASA 63, 1968), also for ties; None without a pair.

    It takes the square of the number of points.
    """
    slopes = sorted(
        (y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(points) for x2, y2 in points[i + 1 :] if x1 != x2
    )
    if not slopes:
        return None
    half = Z * _kendall_deviation(points)
    low = max(round((len(slopes) - half) / 2) - 1, 0)
    high = min(round((len(slopes) + half) / 2), len(slopes) - 1)
    return Slope(median(slopes), slopes[low], slopes[high])


def deviation(values: Sequence[float]) -> float:
    """The median absolute deviation from the median, times 1.4826."""
    middle = median(values)
    return CONSISTENT * median(abs(value - middle) for value in values)


def peaks(values: Sequence[float], least: float) -> int:
    """How many lie above the median by more than three deviations, and by at least `least`."""
    if not values:
        return 0
    middle = median(values)
    limit = middle + DEVIATIONS * deviation(values)
    return sum(value > limit and value >= middle + least for value in values)


def _kendall_deviation(points: Sequence[Point]) -> float:
    # Standard deviation of Kendall's S where neither grows with the other (Kendall, Rank Correlation Methods, 4.9).
    many = _pairs_term(len(points))
    tied = sum(_pairs_term(times) for axis in (0, 1) for times in _ties(point[axis] for point in points))
    return sqrt(max(many - tied, 0) / 18)


def _pairs_term(many: int) -> int:
    return many * (many - 1) * (2 * many + 5)


def _ties(values: Iterable[float]) -> list[int]:
    return [times for times in Counter(values).values() if times > 1]
