"""Values with how often each was seen, in order: quantiles, their intervals, medians and deviations."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from math import exp, floor, lgamma, log, log1p, sqrt

from analytics_query.decisions.statistics.intervals import UNKNOWN, Interval, Z
from analytics_query.decisions.statistics.robust import CONSISTENT
from analytics_query.domain.spreads import VALUES, Ordered, Spread

EXACT_UP_TO = 100
"""The binomial distribution is summed up for so many observations; beyond, the normal one is close enough."""
TAIL = 0.025
MEAN_FROM = 30
"""The mean has an interval from so many values on: fewer of skewed durations are not normal enough."""


class Ranked:
    """The values of a spread in order. Each stands for its bin, so that all here is within the sketch's accuracy."""

    def __init__(self, ordered: Ordered) -> None:
        self.places, self.times, self.running = ordered

    @classmethod
    def of(cls, spread: Spread) -> "Ranked":
        """The values of a spread."""
        return cls(spread.ordered())

    @property
    def values(self) -> list[float]:
        """What stands for each bin."""
        return [VALUES[place] for place in self.places.tolist()]

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.running[-1] if self.running else 0

    def at(self, rank: int) -> float:
        """The value at a rank from 1 to `count`."""
        return VALUES[int(self.places[bisect_left(self.running, rank)])]

    def quantile(self, q: float) -> float | None:
        """The value at rank q·(n − 1) from 0, rounded down, as DDSketch defines it; None of nothing."""
        return self.at(floor(q * (self.count - 1)) + 1) if self.count else None

    @property
    def median(self) -> float | None:
        """The mean of the middle values; None of nothing."""
        return _middle(self.count, self.at) if self.count else None

    @property
    def deviation(self) -> float | None:
        """The median absolute deviation from the median, times 1.4826; None of nothing."""
        middle = self.median
        if middle is None:
            return None
        times = self.times.tolist()
        away = sorted((abs(value - middle), seen) for value, seen in zip(self.values, times, strict=True))
        running = list(accumulate(seen for _, seen in away))
        return CONSISTENT * _middle(self.count, lambda rank: away[bisect_left(running, rank)][0])

    def share_up_to(self, limit: float) -> int:
        """How many values are not above a limit."""
        place = bisect_right(self.values, limit)
        return self.running[place - 1] if place else 0

    def quantile_interval(self, q: float) -> Interval:
        """From order statistics: no form of the distribution is supposed (David and Nagaraja, Order Statistics, 7.1).

        A side on which there are too few values for the confidence is open; so are both of the least and the largest.
        """
        if not 0 < q < 1:
            return UNKNOWN
        lower, upper = order_ranks(self.count, q)
        return Interval(
            self.at(lower) if lower >= 1 else None,
            self.at(upper) if upper <= self.count else None,
        )

    def mean_interval(self, mean: float) -> Interval:
        """By the central limit theorem, from `MEAN_FROM` values on."""
        if self.count < MEAN_FROM:
            return UNKNOWN
        times = self.times.tolist()
        squares = sum(seen * (value - mean) ** 2 for value, seen in zip(self.values, times, strict=True))
        half = Z * sqrt(squares / (self.count - 1) / self.count)
        return Interval(mean - half, mean + half)


def _middle(count: int, at: Callable[[int], float]) -> float:
    return (at((count + 1) // 2) + at(count // 2 + 1)) / 2


@lru_cache(maxsize=8_192)
def order_ranks(count: int, q: float) -> tuple[int, int]:
    """Ranks (from 1) between which quantile `q` of the population lies; 0 and `count` + 1 mean: not to be said."""
    if not count:
        return 0, 1
    if count > EXACT_UP_TO:
        half = Z * sqrt(count * q * (1 - q))
        return max(0, floor(count * q - half)), min(count + 1, floor(count * q + half) + 2)
    return _exact_ranks(count, q)


def _exact_ranks(count: int, q: float) -> tuple[int, int]:
    # With B the number of values below the quantile: rank l holds if P(B < l) <= 2.5 %, rank u if P(B >= u) <= 2.5 %.
    below = list(accumulate(_binomial(count, k, q) for k in range(count + 1)))
    lower = bisect_right(below, TAIL)
    upper = bisect_left(below, 1 - TAIL) + 1
    return lower, min(upper, count + 1)


def _binomial(n: int, k: int, p: float) -> float:
    ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    return exp(ways + k * log(p) + (n - k) * log1p(-p))
