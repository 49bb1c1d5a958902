"""Appending to the chain: one statement where nobody else appends, and never two entries behind the same one."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime, timedelta

import asyncpg

from contracts.batches import Batch
from contracts.decided import DecidedEvent
from mcp_gateway.decisions.audit.chaining import chained
from mcp_gateway.decisions.audit.describing import anchor_of
from mcp_gateway.domain.audit import Entry, Head
from mcp_gateway.ports import Unwritable
from mcp_gateway.store.audit.rows import COLUMNS, columns, read_head, unnested
from servicekit import inbox
from servicekit.bus import Received
from servicekit.clock import Clock
from servicekit.pg import Connection, Database

HEAD = "SELECT seq, hash, recorded_at, clock_timestamp() AS now FROM audit_head WHERE id = 1"
HOLD = f"{HEAD} FOR UPDATE"
# Whoever comes second finds that the head is another, and appends nothing.
APPEND = f"""
    WITH held AS (
        UPDATE audit_head SET seq = $3, hash = $4, recorded_at = $5
        WHERE id = 1 AND seq = $1 AND hash = $2 RETURNING id
    )
    INSERT INTO audit_entries ({COLUMNS})
    SELECT added.* FROM held, unnest({unnested(6)}) AS added ({COLUMNS})
"""
WRITTEN = "SELECT EXISTS (SELECT FROM audit_entries WHERE seq = $1 AND hash = $2)"
ENSURE = "SELECT ensure_audit_partition($1)"
OLDEST = r"""
    SELECT to_date(right(relname, 6), 'YYYYMM') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'audit_entries'::regclass AND relname ~ '^audit_entries_[0-9]{6}$'
    ORDER BY relname LIMIT 1
"""
LAST_BEFORE = """
    SELECT seq, hash, recorded_at FROM audit_entries WHERE recorded_at < $1
    ORDER BY recorded_at DESC, seq DESC LIMIT 1
"""
DROP = "SELECT drop_audit_partition($1)"
# Then the head is held, so that others cannot come first for ever.
TRIES = 3
INTO_NEXT_MONTH = timedelta(days=28)


class PostgresAuditWriter:
    """An AuditWriter; one for each process, so that it knows where the chain ends."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = asyncio.Lock()
        self._head: Head | None = None
        # How far the database's clock is ahead: one clock tells when the entries of all processes were recorded.
        self._ahead = timedelta()
        self._months: set[tuple[int, int]] = set()
        self._unsure: tuple[list[Entry], Head] | None = None

    async def append(self, entries: Sequence[Entry]) -> Head:
        """Append all or none; returns the new head. Given the same again after an error, it appends them once."""
        async with self._database.acquire() as connection, self._lock:
            with _blaming_entries(), self._forgetting():
                for _ in range(TRIES):
                    if (head := await self._try(connection, entries)) is not None:
                        return head
                async with connection.transaction():
                    await self._read_head(connection, HOLD)
                    head = await self._try(connection, entries)
                assert head is not None
                return head

    async def take(
        self,
        consumer: str,
        received: Sequence[Received[Batch[DecidedEvent]]],
        entries_of: Callable[[Sequence[DecidedEvent]], list[Entry]],
    ) -> int:
        """Append what new batches say, in the transaction that marks them as applied; returns how many entries."""
        async with self._database.transaction() as connection:
            fresh = await inbox.claim(connection, consumer, received)
            entries = entries_of([event for one in fresh for event in one.batch.events])
            if entries:
                async with self._holding(connection):
                    await self._append(connection, entries)
        return len(entries)

    async def drop_month(self, before: datetime) -> date | None:
        """Drop the oldest month if all of it is older than `before`; an entry that stays says where it ended.

        Returns the month that was dropped.
        """
        async with self._database.transaction() as connection:
            month: date | None = await connection.fetchval(OLDEST)
            if month is None or _end_of(month) > before:
                return None
            async with self._holding(connection):
                last = await connection.fetchrow(LAST_BEFORE, _end_of(month))
                if last is not None:
                    await self._append(connection, [anchor_of(read_head(last), self._now())])
                await connection.execute(DROP, month)
        return month

    async def prepare(self) -> None:
        """Make the partitions of this month and the next."""
        async with self._database.acquire() as connection:
            await self._read_head(connection, HEAD)
            for moment in (self._now(), self._now() + INTO_NEXT_MONTH):
                await self._ensure_month(connection, moment)

    async def _try(self, connection: Connection, entries: Sequence[Entry]) -> Head | None:
        """Append behind the head as this process knows it; None where another process has moved it."""
        if self._head is None:
            await self._read_head(connection, HEAD)
        if self._unsure is not None and self._unsure[0] == entries:
            # The answer was lost, but perhaps not the entries.
            written = self._unsure[1]
            if await connection.fetchval(WRITTEN, written.seq, written.hash):
                self._unsure = None
                return written
        return await self._append(connection, entries, notes_end=True)

    async def _append(
        self, connection: Connection, entries: Sequence[Entry], *, notes_end: bool = False
    ) -> Head | None:
        before = self._head
        assert before is not None
        links, new = chained(before, entries, self._now())
        await self._ensure_month(connection, links[0].recorded_at)
        if notes_end:
            self._unsure = list(entries), new
        done = await connection.execute(
            APPEND, before.seq, before.hash, new.seq, new.hash, new.recorded_at, *columns(links)
        )
        if notes_end:
            self._unsure = None
        self._head = None if done == "INSERT 0 0" else new
        return self._head

    @asynccontextmanager
    async def _holding(self, connection: Connection) -> AsyncGenerator[None]:
        """Within the block, and until the end of the transaction, nobody else can move the head."""
        async with self._lock:
            with self._forgetting():
                await self._read_head(connection, HOLD)
                yield
            # The transaction has not ended yet.
            self._head = None

    @contextmanager
    def _forgetting(self) -> Generator[None]:
        """After an error nothing is known any more: neither the head, nor which partitions there are."""
        try:
            yield
        except BaseException:
            self._head = None
            self._months.clear()
            raise

    async def _read_head(self, connection: Connection, query: str) -> None:
        row = await connection.fetchrow(query)
        assert row is not None
        self._head = read_head(row)
        self._ahead = row["now"] - self._clock.now()

    async def _ensure_month(self, connection: Connection, moment: datetime) -> None:
        month = (moment.year, moment.month)
        if month not in self._months:
            await connection.execute(ENSURE, moment.date())
            self._months.add(month)

    def _now(self) -> datetime:
        return self._clock.now() + self._ahead


@contextmanager
def _blaming_entries() -> Generator[None]:
    """Values that cannot be encoded, or that the server does not take, are the fault of who gave them."""
    try:
        yield
    except (ValueError, TypeError, OverflowError, asyncpg.DataError) as error:
        raise Unwritable(str(error)) from error


def _end_of(month: date) -> datetime:
    first = datetime(month.year, month.month, 1, tzinfo=UTC)
    return (first + timedelta(days=32)).replace(day=1)
