"""When a task is tried again."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff; `max_refusals` is how often workers may hand a task back before it costs an attempt."""

    base_ms: int = 1_000
    cap_ms: int = 300_000
    max_refusals: int = 10


def backoff(policy: RetryPolicy, failures: int, jitter: float) -> timedelta:
    """Pause before the next attempt after `failures` (>= 1) attempts; `jitter` in [0, 1) spreads its upper half."""
    full_ms = min(policy.cap_ms, policy.base_ms * 2 ** min(failures - 1, 32))
    return timedelta(milliseconds=full_ms * (0.5 + jitter / 2))
