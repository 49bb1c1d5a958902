"""The order of the queue: age against priority, as one instant that never changes while a task waits."""

from datetime import datetime, timedelta

from contracts.base import Level

HEAD_START = {
    Level.critical: timedelta(hours=1),
    Level.high: timedelta(minutes=15),
    Level.medium: timedelta(minutes=5),
    Level.low: timedelta(0),
}
"""By how much a task of this priority counts as older than it is. Finite, so that no task starves."""


def rank_at(priority: Level, queued_at: datetime) -> datetime:
    """The instant that a task is ordered by, earliest first."""
    return queued_at - HEAD_START[priority]
