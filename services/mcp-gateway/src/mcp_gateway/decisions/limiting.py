"""How often something may happen: the generic cell rate algorithm, a token bucket that is one number."""

from dataclasses import dataclass

ROUNDED_S = 1e-9
MOST_AHEAD = 50


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a minute in the long run, and so many at once."""

    per_minute: int
    """0: as many as anybody likes."""
    burst: int

    @property
    def interval_s(self) -> float:
        """How long one takes to be allowed again."""
        return 60 / self.per_minute

    @property
    def most_ahead(self) -> int:
        """How many a replica may take ahead: so few that others are not kept waiting for what it may not use."""
        return max(1, min(self.burst // 10, MOST_AHEAD))


@dataclass(frozen=True, slots=True)
class Taken:
    """How many were allowed."""

    until: float
    """The moment until which those that were allowed are spread out: the state to keep."""
    granted: int
    wait_s: float
    """How long to wait until one more is; 0: some were."""


def take(until: float, now: float, rate: Rate, wanted: int = 1) -> Taken:
    """Allow at most so many more, or say how long to wait. `until` is what was kept, the past where there is none."""
    begins = max(until, now)
    wait_s = begins - now - (rate.burst - 1) * rate.interval_s
    # What is left of a rounded sum is no reason to wait.
    if wait_s > ROUNDED_S:
        return Taken(until, 0, wait_s)
    granted = min(wanted, 1 + int((ROUNDED_S - wait_s) / rate.interval_s))
    return Taken(begins + granted * rate.interval_s, granted, 0.0)


def ahead(last: int, was_used_up: bool, rate: Rate) -> int:
    """How many to take at once: one, and twice as many each time that the last were used up in time."""
    return min(2 * last, rate.most_ahead) if was_used_up else 1
