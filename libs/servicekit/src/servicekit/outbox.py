"""The outbox: what a transaction says to the bus, kept with it, and published once it is committed."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress

from contracts.base import Model
from contracts.batches import MAX_BATCH
from servicekit.bus.connection import Bus
from servicekit.bus.failures import is_infrastructure
from servicekit.bus.publishing import Outgoing, publish_batches
from servicekit.bus.stopping import until_cancelled
from servicekit.ddl import Operations, execute_all
from servicekit.logs import get_logger
from servicekit.metrics import OUTBOX_AGE, OUTBOX_ROWS
from servicekit.pg import Connection, Database
from servicekit.sealing import MAX_BATCH_BYTES, Sealed, seal
from servicekit.traces import inject_headers

OUTBOX_DDL = (
    """
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        subject text NOT NULL,
        items integer NOT NULL,
        payload bytea NOT NULL,
        headers jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    ) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000)
    """,
    """
    CREATE TABLE outbox_sealed (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        message_id text NOT NULL UNIQUE,
        subject text NOT NULL,
        payload bytea NOT NULL,
        headers jsonb NOT NULL,
        created_at timestamptz NOT NULL
    ) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000)
    """,
    "CREATE TABLE outbox_producer (producer text PRIMARY KEY, last bigint NOT NULL) WITH (fillfactor = 50)",
)
APPEND = """
    INSERT INTO outbox (subject, items, payload, headers)
    SELECT subject, items, payload, $4 FROM unnest($1::text[], $2::integer[], $3::bytea[])
    WITH ORDINALITY AS new (subject, items, payload, place) ORDER BY place
"""
SEALED = "SELECT message_id, subject, payload, headers FROM outbox_sealed ORDER BY id LIMIT $1"
DONE = "DELETE FROM outbox_sealed WHERE message_id = ANY($1::text[])"
LOCK_KEY = "hashtextextended('outbox of ' || current_schema(), 0)"
TRY_LEAD = f"SELECT pg_try_advisory_lock({LOCK_KEY})"
CEDE = f"SELECT pg_advisory_unlock({LOCK_KEY})"
WAITING = """
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
    FROM (
        (SELECT created_at FROM outbox_sealed ORDER BY id LIMIT 10000) UNION ALL
        (SELECT created_at FROM outbox ORDER BY id LIMIT 10000)
    ) AS waiting
"""
SEALED_ROWS = 500
TICK_S = 1.0
# Longer than a window of messages waits for its acknowledgements.
LEASE_S = 15.0
STAND_BY_PAUSE_S = 0.01
STOP_S = 10.0
FIRST_PAUSE_S, MOST_PAUSE_S = 0.1, 5.0

log = get_logger(__name__)


class OutboxRelay:
    """Publishes what `append` has written, oldest first. Of all relays of a schema one works, the others stand by.

    One that is frozen for `lease_s` is replaced. Two at once would do no harm: batches are sealed in the database.
    """

    def __init__(
        self, db: Database, bus: Bus, producer: str, *, tick_s: float = TICK_S, lease_s: float = LEASE_S
    ) -> None:
        self._db = db
        self._bus = bus
        self._producer = producer
        self._tick_s = tick_s
        self._lease_s = max(lease_s, 2 * tick_s)
        self._channel = f"{db.schema}_outbox"
        self._wake = asyncio.Event()
        self._notified = False
        self._stopping = False
        self._has_sealed = True
        self._measure_at = 0.0
        bus.on_reconnect(self._on_back)

    def notify(self) -> None:
        """Rows were committed: publish them now, and not only at the next tick."""
        self._notified = True
        self._wake.set()

    async def run(self) -> None:
        """Relay until cancelled. PostgreSQL and NATS may be away at any time."""
        self._stopping = False
        await until_cancelled(self._work(), self._stop, STOP_S)

    def _stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _work(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping:
            try:
                async with self._db.own_connection(self._lease_s) as connection:
                    await connection.add_listener(self._channel, self._on_notice)
                    pause = FIRST_PAUSE_S
                    await self._relay(connection)
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.warning("outbox.interrupted", error=repr(error), retry_in_s=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, MOST_PAUSE_S)

    async def _relay(self, connection: Connection) -> None:
        while not self._stopping:
            await self._measure(connection)
            if not self._bus.connected:
                await self._woken(self._tick_s)
            elif await connection.fetchval(TRY_LEAD):
                await self._lead(connection)
                await connection.execute(CEDE)
            else:
                await self._stand_by(connection)

    async def _stand_by(self, connection: Connection) -> None:
        if await self._woken(self._tick_s) and self._notified:
            self._notified = False
            await connection.execute("SELECT pg_notify($1, '')", self._channel)
            # Whoever commits a thousand times a second wakes the leader a hundred times.
            await asyncio.sleep(STAND_BY_PAUSE_S)

    async def _lead(self, connection: Connection) -> None:
        """Seal and publish, while the broker is there and this connection, and with it the lock, lasts."""
        self._has_sealed = True
        pause = FIRST_PAUSE_S
        while self._bus.connected and not self._stopping:
            self._wake.clear()
            batches = await self._next(connection)
            await self._measure(connection)
            if not batches:
                await self._woken(self._tick_s)
            elif await self._publish(connection, batches):
                pause = FIRST_PAUSE_S
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, MOST_PAUSE_S)

    async def _next(self, connection: Connection) -> list[Sealed]:
        """What is sealed and not yet published, and new batches: one that cannot be published holds up no other."""
        left = [Sealed(*row) for row in await connection.fetch(SEALED, SEALED_ROWS)] if self._has_sealed else []
        self._has_sealed = bool(left)
        if len(left) == SEALED_ROWS:
            return left
        async with connection.transaction():
            return left + await seal(connection, self._producer)

    async def _publish(self, connection: Connection, batches: list[Sealed]) -> bool:
        self._has_sealed = True
        messages = [Outgoing(batch.subject, batch.message_id, batch.payload, batch.headers) for batch in batches]
        stored = await publish_batches(self._bus, messages)
        done = [batch.message_id for batch, is_stored in zip(batches, stored, strict=True) if is_stored]
        if done:
            await connection.execute(DONE, done)
        # A full page may not have been the last one.
        self._has_sealed = len(done) < len(batches) or len(batches) >= SEALED_ROWS
        return len(done) == len(batches)

    async def _measure(self, connection: Connection) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._measure_at:
            return
        self._measure_at = now + self._tick_s
        rows, age_s = (await connection.fetch(WAITING))[0]
        OUTBOX_ROWS.labels(self._db.schema).set(rows)
        OUTBOX_AGE.labels(self._db.schema).set(age_s)

    async def _woken(self, within_s: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._wake.wait()
        was_set = self._wake.is_set()
        self._wake.clear()
        return was_set

    def _on_notice(self, *_: object) -> None:
        self._wake.set()

    async def _on_back(self) -> None:
        self._wake.set()


async def append(connection: Connection, subject: str, items: Sequence[Model | bytes]) -> None:
    """Say items (models, or their JSON) on a subject once the caller's transaction is committed; then `notify`.

    Raises ValueError for an item above 512 KiB, which no batch could hold.
    """
    await append_all(connection, [(subject, items)])


async def append_all(connection: Connection, said: Iterable[tuple[str, Sequence[Model | bytes]]]) -> None:
    """`append` for several subjects, in this order, in one statement."""
    rows = [(subject, part) for subject, items in said for part in _parts(items)]
    if rows:
        payloads = [b",".join(part) for _, part in rows]
        headers = dict(inject_headers())
        await connection.execute(APPEND, [row[0] for row in rows], [len(row[1]) for row in rows], payloads, headers)


def create_outbox(op: Operations) -> None:
    """Make the tables, in an Alembic migration."""
    execute_all(op, OUTBOX_DDL)


def _parts(items: Sequence[Model | bytes]) -> Iterable[list[bytes]]:
    """The items as JSON, cut where a batch would have too many or too large ones."""
    part: list[bytes] = []
    size = 0
    for item in items:
        json = item if isinstance(item, bytes) else item.to_json()
        if len(json) > MAX_BATCH_BYTES:
            raise ValueError(f"an item of {len(json)} bytes does not fit into a batch of {MAX_BATCH_BYTES}")
        if part and (len(part) == MAX_BATCH or size + len(json) > MAX_BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(json)
        size += len(json)
    if part:
        yield part
