"""What the handlers need of the outside."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from analytics_query.domain import Facts
from contracts.batches import Batch
from contracts.events import AnalyticsEvent, Event
from servicekit.bus import Received


class Transaction(Protocol):
    """The projections inside one transaction."""

    async def claim(self, consumer: str, received: Sequence[Received[Batch[Event]]]) -> list[Event]:
        """What is in those of the batches that were not applied before; from now on they count as applied."""
        ...

    async def load(self, task_ids: Sequence[str]) -> dict[str, Facts]:
        """The facts of those of these tasks that have any, held until the end of the transaction."""
        ...

    async def save(self, facts: Mapping[str, Facts]) -> None:
        """Replace the facts of these tasks."""
        ...

    async def add_analytics(self, events: Sequence[AnalyticsEvent]) -> None:
        """Add the rows of the `analytics` table."""
        ...


class Projections(Protocol):
    """All projections."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Everything in the block, or nothing."""
        ...

    async def facts(self, task_id: str) -> Facts:
        """The facts of a task; empty ones for a task without events."""
        ...
