"""An interval: where the true value lies with the confidence of `CONFIDENCE`."""

from statistics import NormalDist
from typing import NamedTuple

from analytics_query.decisions.statistics import CONFIDENCE

NORMAL = NormalDist()
Z = NORMAL.inv_cdf((1 + CONFIDENCE) / 2)
"""Standard normal quantile of the confidence: 1.96."""


class Interval(NamedTuple):
    """Ends of a confidence interval; None: it is open on that side."""

    low: float | None
    high: float | None

    def scaled(self, by: float) -> "Interval":
        """The interval in another unit; `by` is positive."""
        return Interval(*(None if end is None else end * by for end in self))


UNKNOWN = Interval(None, None)


def two_sided(z: float) -> float:
    """The probability of a standard normal value at least as far from zero."""
    return min(1.0, 2 * NORMAL.cdf(-abs(z)))
