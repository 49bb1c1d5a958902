"""How often something happens in a stretch of time."""

from math import sqrt

from analytics_query.decisions.statistics.intervals import Interval, Z


def poisson(count: int) -> Interval:
    """Interval of the expected count, by Byar's approximation (Rothman and Boice, 1979)."""
    low = count * (1 - 1 / (9 * count) - Z / (3 * sqrt(count))) ** 3 if count else 0.0
    more = count + 1
    return Interval(max(0.0, low), more * (1 - 1 / (9 * more) + Z / (3 * sqrt(more))) ** 3)
