"""What the handlers need of the outside."""

from collections.abc import AsyncGenerator, Collection, Sequence
from datetime import date, datetime
from typing import Protocol

from contracts.batches import Batch
from contracts.decided import DecidedEvent
from contracts.events import Event
from contracts.telemetry import LogMarks, StoredEvent, TailEntry
from servicekit.bus import Received
from telemetry_ingest.domain import EventFilter, Recorded


class EventLog(Protocol):
    """The durable log."""

    async def record(self, received: Sequence[Received[Batch[Event]]], consumer: str, now: datetime) -> list[Recorded]:
        """Write the events of all batches that were not applied before, in one transaction, and return them."""
        ...

    async def record_decided(
        self, received: Sequence[Received[Batch[DecidedEvent]]], consumer: str, now: datetime
    ) -> set[str]:
        """Write what services decided, each batch once, and the newest attempt of each task of which it speaks.

        Gives the tasks of which events that were recorded before are stale since now.
        """
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

    def export_events(self, after: str | None, since: datetime | None, until: datetime | None) -> AsyncGenerator[bytes]:
        """Lines of LoggedEvent beyond the id `after`, in pieces, some of them empty."""
        ...

    def export_decided(
        self, after: str | None, since: datetime | None, until: datetime | None
    ) -> AsyncGenerator[bytes]:
        """Lines of LoggedDecision beyond the id `after`, in pieces, some of them empty."""
        ...

    async def marks(self) -> LogMarks:
        """Which batches are in the log."""
        ...

    async def ensure_partitions(self, days: Sequence[date]) -> None:
        """Make the partitions of these days where they are missing."""
        ...

    async def forget(self, first_kept: date, strays_before: datetime) -> int:
        """Drop the partitions of all days before; delete decisions of those days, and strays, in slices.

        Gives how many partitions were dropped; one that is in use for long is left for the next time.
        """
        ...


class LiveTail(Protocol):
    """The last entries of each task, quickly read; losing it costs speed and nothing else."""

    async def push(self, recorded: Sequence[Recorded]) -> None:
        """Add what was recorded; a tail that is away is skipped."""
        ...

    async def forget(self, task_ids: Collection[str]) -> None:
        """Drop the tails of these tasks: what they show is not so any more."""
        ...

    async def last(self, wanted: EventFilter, limit: int) -> list[TailEntry]:
        """The last entries that are wanted, oldest first; empty when the tail is away or knows nothing."""
        ...

    def follow(self, wanted: EventFilter, after: str, wait_ms: int) -> AsyncGenerator[tuple[str, list[TailEntry]]]:
        """Entries beyond the position `after` (`$`: new ones), with their position; none each `wait_ms` of silence."""
        ...
