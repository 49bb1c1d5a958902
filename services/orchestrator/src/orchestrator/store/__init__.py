"""The only SQL of this service: whole batches as arrays, one statement each."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from contracts import subjects
from contracts.base import Model
from contracts.commands import Command
from orchestrator.ports import Said
from orchestrator.store.attempts import AttemptStatements
from orchestrator.store.briefs import BriefQueries
from orchestrator.store.dispatching import DispatchStatements
from orchestrator.store.fleet import FleetQueries, FleetStatements
from orchestrator.store.linking import LinkStatements
from orchestrator.store.queue import LeaderQueries
from orchestrator.store.retaining import policies
from orchestrator.store.tasks import TaskStatements
from orchestrator.store.views import ViewQueries
from orchestrator.store.workers import WorkerStatements
from servicekit import inbox, outbox
from servicekit.leader import LeaderLease
from servicekit.pg import Connection, Database

__all__ = ["PLANNER", "PgSession", "PgStore", "listen", "policies"]

WAKE_CHANNEL = "orchestrator_wake"
PLANNER = {
    # Every hot statement joins a small array with an index. A plan that was cached while a table was empty must not
    # read the whole of it once it is large.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
}


class PgSession(TaskStatements, AttemptStatements, LinkStatements, WorkerStatements, FleetStatements):
    """One transaction."""

    def __init__(self, conn: Connection, lease: LeaderLease) -> None:
        self.conn = conn
        self._lease = lease
        self.has_news = False
        self._said: dict[str, list[Model | bytes]] = {}

    async def assert_epoch(self, epoch: int) -> None:
        """Raise unless this process still leads under `epoch`."""
        await self._lease.assert_epoch(self.conn, epoch)

    async def claim(self, received: Sequence[Any], consumer: str) -> list[Any]:
        """Those batches that were not applied before; marked as applied."""
        return await inbox.claim(self.conn, consumer, received)

    def emit(self, events: Iterable[Said]) -> None:
        """Say domain events once this is committed."""
        for kind, json in events:
            self._said.setdefault(subjects.for_decided(kind), []).append(json)

    def command(self, commands: Iterable[Command]) -> None:
        """Say commands once this is committed."""
        for command in commands:
            self._said.setdefault(subjects.command(command.worker_id), []).append(command)

    async def write_outbox(self) -> bool:
        """Write all that was said, in one statement; whether there was anything."""
        await outbox.append_all(self.conn, self._said.items())
        return self.has_news or bool(self._said)


class PgStore(DispatchStatements, LeaderQueries, ViewQueries, BriefQueries, FleetQueries):
    """The database. `on_news` is called after each commit that left something in the outbox."""

    def __init__(self, database: Database, lease: LeaderLease, on_news: Callable[[], None]) -> None:
        self.database = database
        self._lease = lease
        self._on_news = on_news

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[PgSession]:
        """A transaction: committed at the end of the block, rolled back when it raises."""
        async with self.database.transaction() as conn:
            session = PgSession(conn, self._lease)
            yield session
            has_news = await session.write_outbox()
        if has_news:
            self._on_news()

    async def notify_leader(self) -> None:
        """Wake the leader in another process."""
        async with self.database.acquire() as conn:
            await conn.execute("SELECT pg_notify($1, '')", WAKE_CHANNEL)


async def listen(database: Database, on_wake: Callable[[], None]) -> None:
    """Call back whenever another process wakes the leader; ends when the connection is lost."""
    lost = asyncio.Event()

    def on_end(_connection: object) -> None:
        lost.set()

    def on_notice(*_notice: object) -> None:
        on_wake()

    async with database.own_connection() as conn:
        conn.add_termination_listener(on_end)
        await conn.add_listener(WAKE_CHANNEL, on_notice)
        await lost.wait()
    raise ConnectionError("the connection on which this process is woken was lost")
