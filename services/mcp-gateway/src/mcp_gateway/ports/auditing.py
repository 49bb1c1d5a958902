"""The audit log."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Protocol

from contracts.batches import Batch
from contracts.decided import DecidedEvent
from mcp_gateway.domain.audit import AuditPart, AuditQuery, Entry, Head, Link
from servicekit.bus import Received


class Unwritable(Exception):
    """An entry holds something that the database does not take."""


class AuditWriter(Protocol):
    """Appends to the audit log."""

    async def append(self, entries: Sequence[Entry]) -> Head:
        """Append all or none; returns the new head. Given the same again after an error, it appends them once.

        Raises Unwritable where one of them is to blame.
        """
        ...


class AuditDecisions(Protocol):
    """Appends what the services decided."""

    async def take(
        self,
        consumer: str,
        received: Sequence[Received[Batch[DecidedEvent]]],
        entries_of: Callable[[Sequence[DecidedEvent]], list[Entry]],
    ) -> int:
        """Append what those of the batches say that this consumer has not applied yet; returns how many entries."""
        ...


class AuditKeeper(Protocol):
    """Makes and drops the months of the audit log."""

    async def prepare(self) -> None:
        """Make the partitions of this month and the next."""
        ...

    async def drop_month(self, before: datetime) -> date | None:
        """Drop the oldest month if all of it is older than that, and return it; an entry says where it ended."""
        ...


class AuditReader(Protocol):
    """Reads the audit log."""

    async def page(self, query: AuditQuery, before: int | None, limit: int) -> list[Link]:
        """At most `limit` entries, newest first, below the given number."""
        ...

    async def entry(self, seq: int) -> Link | None:
        """One entry."""
        ...

    async def head(self) -> Head:
        """The end of the chain."""
        ...

    async def part(self, after: int, limit: int) -> AuditPart:
        """At most `limit` entries behind the given number, in order, with what is needed to judge them."""
        ...
