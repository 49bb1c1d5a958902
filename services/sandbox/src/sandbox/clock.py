"""The one place of the sandbox that reads the wall clock."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The time now, in UTC."""
    return from_ms(now_ms())


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def from_ms(milliseconds: int) -> datetime:
    """The moment that many milliseconds after the start of 1970, UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
