"""Distributions of given values."""

from collections.abc import Iterable

from analytics_query.domain.spreads import Spread


def spread(values: Iterable[float], times: int = 1) -> Spread:
    """Each of these values, so many times."""
    made = Spread()
    for value in values:
        made.add(float(value), times)
    return made
