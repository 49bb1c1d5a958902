"""Figures in free JSON."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

LARGEST = 1e12
"""Sums are kept in millionths: what is larger is no figure that one could add up."""


def sane(value: Any) -> float | None:
    """A number that can be added up; None if it is none, or absurd."""
    if isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST:
        return float(value)
    return None


def number(figures: Mapping[str, Any], *names: str) -> float | None:
    """The first of these that is a number."""
    for name in names:
        found = sane(figures.get(name))
        if found is not None:
            return found
    return None


def percent(figures: Mapping[str, Any], *names: str) -> float | None:
    """The first of these that is a number, if it lies between 0 and 100."""
    found = number(figures, *names)
    return found if found is not None and 0 <= found <= 100 else None


def whole(figures: Mapping[str, Any], *names: str) -> int:
    """The first of these that is a number, as a count; 0 if there is none."""
    return max(0, round(number(figures, *names) or 0))


def seconds_since_1970(value: Any) -> float | None:
    """A moment, given as seconds since 1970 or in ISO 8601."""
    if not isinstance(value, str):
        return sane(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
