"""What the log records: an event with the day that places it and the verdict on its attempt."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache

from contracts import streams
from contracts.events import Event

CONSUMERS = {
    streams.TELEMETRY: "telemetry-ingest",
    streams.QUESTIONS: "telemetry-ingest-questions",
    streams.EVENTS: "telemetry-ingest-events",
}
"""The durable consumer of each stream that goes into the log."""

DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)
LAST_DAY = (date.max - EPOCH).days


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it stands in the log."""

    event: Event
    stale: bool


@dataclass(frozen=True, slots=True)
class Current:
    """The attempt that a task is at, and whose it is."""

    attempt: int
    worker_id: str
    since: datetime | None = field(default=None, compare=False)
    """When it was given to that worker; None where that does not matter."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a reader wants; None or empty: any."""

    task_id: str | None = None
    worker_id: str | None = None
    kinds: tuple[str, ...] = ()
    stream_types: tuple[str, ...] = ()

    @property
    def wants_all(self) -> bool:
        """Whether neither kinds nor stream types narrow it."""
        return not self.kinds and not self.stream_types


def day_of(event_id: str) -> date:
    """The UTC day of a UUIDv7: the partition that holds the event. Absurdly late ids fall on the last day there is."""
    return _day(int(event_id[:8] + event_id[9:13], 16) // DAY_MS)


def first_id_of(day: date) -> str:
    """The least event id that can have been made on a UTC day, or later."""
    digits = f"{(day - EPOCH).days * DAY_MS:012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"


@lru_cache(maxsize=64)
def _day(days: int) -> date:
    return EPOCH + timedelta(days=min(days, LAST_DAY))
