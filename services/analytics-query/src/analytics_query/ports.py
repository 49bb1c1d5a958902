"""What the handlers need of the outside."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from analytics_query.domain.facts import AttemptKey, Facts
from contracts.batches import Batch, ItemT
from contracts.events import AnalyticsEvent
from servicekit.bus import Received


class Transaction(Protocol):
    """The projections inside one transaction."""

    async def claim(self, consumer: str, received: Sequence[Received[Batch[ItemT]]]) -> list[ItemT]:
        """What is in those of the batches that were not applied before; from now on they count as applied."""
        ...

    async def load(self, keys: Sequence[AttemptKey]) -> dict[AttemptKey, Facts]:
        """The facts of these attempts, held until the end of the transaction; empty ones for new attempts."""
        ...

    async def save(self, facts: Mapping[AttemptKey, Facts]) -> None:
        """Replace the facts of these attempts."""
        ...

    async def make_current(self, keys: Iterable[AttemptKey]) -> None:
        """Remember the attempts that tasks are at, unless newer ones are known."""
        ...

    async def add_analytics(self, events: Sequence[AnalyticsEvent]) -> None:
        """Add the rows of the `analytics` table."""
        ...


class Projections(Protocol):
    """All projections."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Everything in the block, or nothing."""
        ...

    async def facts(self, task_id: str) -> tuple[int, Facts]:
        """The number of a task's current attempt (0: none is known) and its facts, empty where there are none."""
        ...
