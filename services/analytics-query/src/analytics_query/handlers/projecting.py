"""Bringing the projections up to date, a batch at a time."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

from analytics_query.decisions.working import Working, wanted
from analytics_query.domain.rollups import Figures, Key
from analytics_query.ports import Projections, Transaction
from contracts.batches import Batch
from contracts.decided import DecidedEvent
from contracts.events import Event
from servicekit.bus import Received

Events = Received[Batch[Event]]
News = Received[Batch[DecidedEvent]]


class Projector:
    """Folds batches into the projections, one transaction at a time.

    What it has read or written stays in memory for the next transaction, as long as nobody else has written since: the
    position says so.
    """

    def __init__(self, projections: Projections, most_documents: int = 2_000, most_rollups: int = 10_000) -> None:
        self._projections = projections
        self._limits = (most_documents, most_rollups)
        self._working = Working()
        self._number: int | None = None
        self._lock = asyncio.Lock()

    async def project(self, received: Sequence[Events], consumer: str) -> None:
        """Apply batches of what workers reported, each once."""
        async with self._transaction() as into:
            await self._apply(into, await into.claim(consumer, received), [])

    async def follow(self, received: Sequence[News], consumer: str) -> None:
        """Apply batches of what services decided, each once."""
        async with self._transaction() as into:
            await self._apply(into, [], await into.claim(consumer, received))

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[Transaction]:
        async with self._lock:
            try:
                async with self._projections.transaction() as into:
                    if self._number != into.position.number - 1:
                        self._working.forget()
                    yield into
            except BaseException:
                self._working.forget()
                self._number = None
                raise
            self._number = into.position.number
            self._working.trim(*self._limits)

    async def _apply(self, into: Transaction, events: Sequence[Event], news: Sequence[DecidedEvent]) -> None:
        await load(into, self._working, events, news)
        self._working.follow(news)
        self._working.fold(events)
        await write(into, self._working)


async def load(into: Transaction, working: Working, events: Sequence[Event], news: Sequence[DecidedEvent]) -> None:
    """Bring into memory the documents that these change."""
    missing = working.missing(wanted(events, news))
    attempts = await into.load_attempts(sorted(missing.attempts))
    tasks = await into.load_tasks(sorted(missing.tasks))
    working.hold(missing, attempts, tasks)


async def write(into: Transaction, working: Working) -> None:
    """Write all that has changed."""
    changes = working.changes()
    await into.save_attempts(changes.attempts)
    await into.count_attempts(changes.counted)
    await into.save_tasks(changes.tasks)
    await into.make_current(changes.current)
    await into.add_records(changes.records)
    await _write_rollups(into, working, changes.entries)
    if changes.newest_at is not None:
        await into.note_event(changes.newest_at)


async def _write_rollups(into: Transaction, working: Working, entries: Mapping[Key, Figures]) -> None:
    kept = into.position.kept
    kept_entries = {key: entry for key, entry in entries.items() if kept.has(key.resolution, key.bucket_s)}
    stored = await into.load_rollups(working.unknown(kept_entries))
    merged = working.merge(kept_entries, stored)
    await into.save_rollups(merged.saved)
    await into.count_rollups(merged.counted)
    await into.remove_rollups(merged.removed)
