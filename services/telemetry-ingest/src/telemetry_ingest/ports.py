"""What the handlers need of the outside."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from contracts.batches import Batch
from contracts.events import Event
from contracts.telemetry import StoredEvent, TailEntry
from servicekit.bus import Received
from telemetry_ingest.domain import Current, EventFilter, Recorded


class EventLog(Protocol):
    """The durable log."""

    async def record(self, received: Sequence[Received[Batch[Event]]], now: datetime) -> list[Recorded]:
        """Write the events of all batches that were not applied before, in one transaction, and return them."""
        ...

    async def note_attempts(self, current: Mapping[str, Current]) -> None:
        """Remember the current attempt of each task, unless a newer one is known."""
        ...

    async def page(
        self,
        wanted: EventFilter,
        *,
        since: datetime | None,
        until: datetime | None,
        after: str | None,
        limit: int,
        descending: bool,
    ) -> list[StoredEvent]:
        """At most `limit` events in order of their ids, beyond the id `after`."""
        ...

    async def ensure_partitions(self, days: Sequence[date]) -> None:
        """Make the partitions of these days where they are missing."""
        ...


class LiveTail(Protocol):
    """The last entries of each task, quickly read; losing it costs speed and nothing else."""

    async def push(self, recorded: Sequence[Recorded]) -> None:
        """Add what was recorded; a tail that is away is skipped."""
        ...

    async def last(self, wanted: EventFilter, limit: int) -> list[TailEntry]:
        """The last entries that are wanted, oldest first; empty when the tail is away or knows nothing."""
        ...

    def follow(self, wanted: EventFilter, after: str, wait_ms: int) -> AsyncGenerator[tuple[str, list[TailEntry]]]:
        """Entries beyond the position `after` (`$`: new ones), with their position; none each `wait_ms` of silence."""
        ...
