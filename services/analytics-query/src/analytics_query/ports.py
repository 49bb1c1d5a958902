"""What the handlers need of the outside."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from analytics_query.domain import Facts
from contracts.events import AnalyticsEvent


class Transaction(Protocol):
    """The projections inside one transaction."""

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
    """The projections, read."""

    async def facts(self, task_id: str) -> Facts:
        """The facts of a task; empty ones for a task without events."""
        ...
