"""When a task is tried again."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff, and when a task is given up or put into quarantine."""

    base_ms: int = 1_000
    cap_ms: int = 300_000
    max_refusals: int = 10
    """How often workers may hand a task back before it costs an attempt."""
    quarantine_after: int = 3
    """How often workers may die while they have a task; 0: as often as it has attempts."""
    queue_ms: int = 0
    """How long a task that says nothing of it may wait for a worker; 0: without end."""


def queue_until(policy: RetryPolicy, asked_ms: int | None, due_at: datetime) -> datetime | None:
    """When a task that is queued, and due at `due_at`, has waited too long; None: never."""
    limit_ms = policy.queue_ms if asked_ms is None else asked_ms
    return due_at + timedelta(milliseconds=limit_ms) if limit_ms else None


def backoff(policy: RetryPolicy, failures: int, jitter: float) -> timedelta:
    """Pause before the next attempt after `failures` (>= 1) attempts; `jitter` in [0, 1) spreads its upper half."""
    full_ms = min(policy.cap_ms, policy.base_ms * 2 ** min(failures - 1, 32))
    return timedelta(milliseconds=full_ms * (0.5 + jitter / 2))
