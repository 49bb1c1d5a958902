"""Durations as people write them at a command line."""

import re
from datetime import timedelta

_DURATION = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str) -> timedelta:
    """Read `30m`, `12h`, `90d` or `2w`. Raises ValueError, whose message says what is allowed."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or int(match["number"]) == 0:
        raise ValueError("a duration is a whole number above 0 with one of s, m, h, d, w, such as 90d")
    return timedelta(**{_UNITS[match["unit"]]: int(match["number"])})
