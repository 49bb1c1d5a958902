"""Shares of a whole, and whether two of them differ."""

from math import exp, lgamma, sqrt
from typing import NamedTuple

from analytics_query.decisions.statistics.intervals import UNKNOWN, Interval, Z, two_sided

FISHER_UP_TO = 200
"""Fisher's exact test is made of so many observations; beyond, the normal approximation is as good and faster."""
ROUNDING = 1e-7
"""Tables whose probabilities differ by less than this share count as equally likely."""


class Share(NamedTuple):
    """So many of a whole."""

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        """From 0 to 1; None of nothing."""
        return self.hits / self.of if self.of else None


class Difference(NamedTuple):
    """How much larger the first of two shares is, and how likely such a difference is by chance."""

    value: float
    low: float
    high: float
    """Ends of its confidence interval."""
    p_value: float


def wilson(share: Share) -> Interval:
    """Wilson's score interval (E. B. Wilson, JASA 22, 1927)."""
    return Interval(*_score_ends(share)) if share.of else UNKNOWN


def compare_shares(first: Share, second: Share) -> Difference | None:
    """The difference with Newcombe's hybrid score interval (method 10; Statistics in Medicine 17, 1998).

    Tested by Fisher's exact test (two-sided: all tables at most as likely), or the pooled z test where there are many.
    None if one of them is of nothing.
    """
    one, other = first.value, second.value
    if one is None or other is None:
        return None
    return Difference(one - other, *_newcombe(first, second), _p_value(first, second))


def _score_ends(share: Share) -> tuple[float, float]:
    hits, of = share
    p, z2 = hits / of, Z * Z
    centre = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = Z * sqrt(p * (1 - p) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return max(0.0, centre - half), min(1.0, centre + half)


def _newcombe(first: Share, second: Share) -> tuple[float, float]:
    (low_1, high_1), (low_2, high_2) = _score_ends(first), _score_ends(second)
    p_1, p_2 = first.hits / first.of, second.hits / second.of
    low = p_1 - p_2 - sqrt((p_1 - low_1) ** 2 + (high_2 - p_2) ** 2)
    high = p_1 - p_2 + sqrt((high_1 - p_1) ** 2 + (p_2 - low_2) ** 2)
    return max(-1.0, low), min(1.0, high)


def _p_value(first: Share, second: Share) -> float:
    if first.of + second.of <= FISHER_UP_TO:
        return fisher_exact(first, second)
    return pooled_z(first, second)


def pooled_z(first: Share, second: Share) -> float:
    """p-value of the z test with the pooled share."""
    pooled = (first.hits + second.hits) / (first.of + second.of)
    spread = sqrt(pooled * (1 - pooled) * (1 / first.of + 1 / second.of))
    if spread == 0:
        return 1.0
    return two_sided((first.hits / first.of - second.hits / second.of) / spread)


def fisher_exact(first: Share, second: Share) -> float:
    """p-value of Fisher's exact test (R. A. Fisher, 1935)."""
    hits = first.hits + second.hits
    lowest, highest = max(0, hits - second.of), min(hits, first.of)
    tables = {k: _hypergeometric(k, first.of, second.of, hits) for k in range(lowest, highest + 1)}
    seen = tables[first.hits] * (1 + ROUNDING)
    return min(1.0, sum(likely for likely in tables.values() if likely <= seen))


def _hypergeometric(k: int, of_first: int, of_second: int, hits: int) -> float:
    ways = _ln_choose(of_first, k) + _ln_choose(of_second, hits - k) - _ln_choose(of_first + of_second, hits)
    return exp(ways)


def _ln_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
