"""How often something may happen: the generic cell rate algorithm, a token bucket that is one number."""

from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether one more was allowed."""

    until: float
    """The moment until which those that were allowed are spread out: the state to keep."""
    wait_s: float
    """How long to wait until one more is; 0: it was."""


def take(until: float, now: float, rate: Rate) -> Taken:
    """Allow one more, or say how long to wait. `until` is what was kept; the past where there is nothing."""
    begins = max(until, now)
    wait_s = begins - now - (rate.burst - 1) * rate.interval_s
    # What is left of a rounded sum is no reason to wait.
    if wait_s > 1e-9:
        return Taken(until, wait_s)
    return Taken(begins + rate.interval_s, 0.0)
