"""The projections, to write."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from analytics_query.domain.documents import AttemptDocument, AttemptKey, TaskDocument
from analytics_query.domain.records import Record
from analytics_query.domain.retention import Kept
from analytics_query.domain.rollups import Figures, Key
from analytics_query.ports.positions import Position
from contracts.batches import Batch, ItemT
from contracts.telemetry import LogMarks
from servicekit.bus import Received


class Transaction(Protocol):
    """The projections inside one transaction, which overlaps with no other. Given nothing, it does nothing."""

    @property
    def position(self) -> Position:
        """The position that this transaction makes: `number` is one more than that of the transaction before."""
        ...

    async def claim(self, consumer: str, received: Sequence[Received[Batch[ItemT]]]) -> list[ItemT]:
        """What is in those of the batches that were not applied before; from now on they count as applied."""
        ...

    async def load_attempts(self, keys: Sequence[AttemptKey]) -> dict[AttemptKey, AttemptDocument]:
        """Those of the documents that there are."""
        ...

    async def load_tasks(self, task_ids: Sequence[str]) -> dict[str, TaskDocument]:
        """Those of the documents that there are."""
        ...

    async def load_rollups(self, keys: Sequence[Key]) -> dict[Key, Figures]:
        """Those of the roll-ups that there are."""
        ...

    async def save_attempts(self, documents: Mapping[AttemptKey, AttemptDocument]) -> None:
        """Write whole documents."""
        ...

    async def count_attempts(self, documents: Mapping[AttemptKey, AttemptDocument]) -> None:
        """Write what is counted of documents of which nothing else has changed: `events` and `updated_at`."""
        ...

    async def save_tasks(self, documents: Mapping[str, TaskDocument]) -> None:
        """Write whole documents."""
        ...

    async def save_rollups(self, rollups: Mapping[Key, Figures]) -> None:
        """Write whole roll-ups."""
        ...

    async def count_rollups(self, rollups: Mapping[Key, Figures]) -> None:
        """Write counts and newest values of roll-ups that exist, and whose spreads have not changed."""
        ...

    async def remove_rollups(self, keys: Sequence[Key]) -> None:
        """Remove roll-ups that have come to nothing."""
        ...

    async def make_current(self, keys: Sequence[AttemptKey]) -> None:
        """Remember the attempts that tasks are at, unless newer ones are known."""
        ...

    async def add_records(self, records: Sequence[Record]) -> None:
        """Add rows to the tables of single things."""
        ...

    async def note_event(self, newest: datetime) -> None:
        """Remember when the newest event occurred, if it is newer than what is known."""
        ...


class Rebuild(Transaction, Protocol):
    """The transaction that makes all projections anew: until its end everybody sees the old ones."""

    async def applied(self) -> LogMarks:
        """Which batches the projections hold, and will hold."""
        ...

    async def events_before(self) -> int:
        """How many events of workers they held, about."""
        ...

    async def empty(self) -> None:
        """Remove all that was projected, but the marks."""
        ...

    async def finish(self, fold_version: int) -> None:
        """Note by which version of the folding they were made."""
        ...


class Projections(Protocol):
    """All projections, to write."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Everything in the block, or nothing; one at a time, whichever process it is in."""
        ...

    async def keep(self, kept: Kept) -> None:
        """Keep roll-ups from there on alone, unless less is kept already, and remove the older ones bit by bit."""
        ...
