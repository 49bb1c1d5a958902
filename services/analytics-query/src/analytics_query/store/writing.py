"""Writing the projections: whole batches as arrays, one statement for each table."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import orjson

from analytics_query.decisions.folding import FOLD_VERSION
from analytics_query.domain.documents import AttemptDocument, AttemptKey, TaskDocument
from analytics_query.domain.records import Record
from analytics_query.domain.retention import Kept
from analytics_query.domain.rollups import Figures, Key
from analytics_query.domain.vocabulary import Resolution
from analytics_query.ports import Position
from analytics_query.store import rows
from analytics_query.store.records import add
from analytics_query.store.sketches import pack
from contracts.batches import Batch, ItemT
from servicekit import inbox
from servicekit.bus import Received
from servicekit.pg import Connection, Database

# The lock of the row makes one transaction at a time. A table that nothing was ever folded into has no version yet.
ADVANCE = f"""
    UPDATE projection SET position = position + 1, applied_at = clock_timestamp(),
        fold_version = CASE WHEN fold_version < 0 THEN $1 ELSE fold_version END
    RETURNING {rows.POSITION}
"""
NOTE_EVENT = "UPDATE projection SET newest_event_at = greatest(newest_event_at, $1)"
LOAD_ATTEMPTS = f"""
    SELECT {rows.ATTEMPT} FROM unnest($1::text[], $2::int[], $3::text[]) AS wanted (task_id, attempt, worker_id)
    JOIN attempts USING (task_id, attempt, worker_id)
"""
SAVE_ATTEMPTS = """
    INSERT INTO attempts AS known (task_id, attempt, worker_id, document, events, updated_at)
    SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::jsonb[], $5::jsonb[], $6::timestamptz[])
    ON CONFLICT (task_id, attempt, worker_id) DO UPDATE
        SET document = excluded.document, events = excluded.events, updated_at = excluded.updated_at
"""
# The document is not touched, so what PostgreSQL keeps of it aside is not written again.
COUNT_ATTEMPTS = """
    UPDATE attempts AS known SET events = new.events, updated_at = new.updated_at
    FROM unnest($1::text[], $2::int[], $3::text[], $4::jsonb[], $5::timestamptz[])
        AS new (task_id, attempt, worker_id, events, updated_at)
    WHERE (known.task_id, known.attempt, known.worker_id) = (new.task_id, new.attempt, new.worker_id)
"""
LOAD_TASKS = "SELECT task_id, document::text FROM tasks WHERE task_id = ANY($1)"
SAVE_TASKS = """
    INSERT INTO tasks (task_id, document) SELECT * FROM unnest($1::text[], $2::jsonb[])
    ON CONFLICT (task_id) DO UPDATE SET document = excluded.document
"""
LOAD_ROLLUPS = f"""
    SELECT {rows.ROLLUP}
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
        AS wanted (dimension, entity, resolution, bucket)
    JOIN rollups USING (dimension, entity, resolution, bucket)
"""
SAVE_ROLLUPS = """
    INSERT INTO rollups (dimension, entity, resolution, bucket, figures, sketches)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::bytea[])
    ON CONFLICT (dimension, entity, resolution, bucket) DO UPDATE
        SET figures = excluded.figures, sketches = excluded.sketches, spreads = excluded.spreads
"""
COUNT_ROLLUPS = """
    UPDATE rollups AS known SET figures = new.figures
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[])
        AS new (dimension, entity, resolution, bucket, figures)
    WHERE (known.dimension, known.entity, known.resolution, known.bucket)
        = (new.dimension, new.entity, new.resolution, new.bucket)
"""
REMOVE_ROLLUPS = """
    DELETE FROM rollups USING unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
        AS gone (dimension, entity, resolution, bucket)
    WHERE (rollups.dimension, rollups.entity, rollups.resolution, rollups.bucket)
        = (gone.dimension, gone.entity, gone.resolution, gone.bucket)
"""
MAKE_CURRENT = """
    INSERT INTO current_attempts AS known (task_id, attempt, worker_id)
    SELECT DISTINCT ON (task_id) * FROM unnest($1::text[], $2::int[], $3::text[]) AS new (task_id, attempt, worker_id)
    ORDER BY task_id, attempt DESC, worker_id DESC
    ON CONFLICT (task_id) DO UPDATE SET attempt = excluded.attempt, worker_id = excluded.worker_id
    WHERE (known.attempt, known.worker_id) < (excluded.attempt, excluded.worker_id)
"""
KEEP = f"""
    UPDATE projection SET minutes_since = greatest(minutes_since, $1), hours_since = greatest(hours_since, $2)
    RETURNING {rows.POSITION}
"""
REMOVE_OLD = """
    DELETE FROM rollups WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM rollups WHERE resolution = $1 AND bucket < $2 LIMIT 5000
    ))
"""
# Each statement joins a small array with an index. A plan that was cached while a table was empty must not read the
# whole of it once it is large.
PLANNER = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}


class PostgresTransaction:
    """The projections inside one transaction of PostgreSQL, which holds the row of the position."""

    def __init__(self, connection: Connection, position: Position) -> None:
        self.position = position
        self._newest_event_at = position.newest_event_at
        self._connection = connection

    async def claim(self, consumer: str, received: Sequence[Received[Batch[ItemT]]]) -> list[ItemT]:
        """What is in those of the batches that were not applied before; from now on they count as applied."""
        fresh = await inbox.claim(self._connection, consumer, received)
        return [item for batch in fresh for item in batch.batch.events]

    async def load_attempts(self, keys: Sequence[AttemptKey]) -> dict[AttemptKey, AttemptDocument]:
        """Those of the documents that there are."""
        found = await self._connection.fetch(LOAD_ATTEMPTS, *rows.columns(keys, 3)) if keys else []
        return dict(map(rows.attempt, found))

    async def load_tasks(self, task_ids: Sequence[str]) -> dict[str, TaskDocument]:
        """Those of the documents that there are."""
        found = await self._connection.fetch(LOAD_TASKS, task_ids) if task_ids else []
        return {task_id: TaskDocument.model_validate_json(document) for task_id, document in found}

    async def load_rollups(self, keys: Sequence[Key]) -> dict[Key, Figures]:
        """Those of the roll-ups that there are."""
        found = await self._connection.fetch(LOAD_ROLLUPS, *rows.rollup_keys(keys)) if keys else []
        return {one.key: one.figures for one in map(rows.rollup, found)}

    async def save_attempts(self, documents: Mapping[AttemptKey, AttemptDocument]) -> None:
        """Write whole documents."""
        if not documents:
            return
        bodies = [orjson.Fragment(document.to_json()) for document in documents.values()]
        await self._connection.execute(
            SAVE_ATTEMPTS, *rows.columns(documents, 3), bodies, *_counts_of(documents.values())
        )

    async def count_attempts(self, documents: Mapping[AttemptKey, AttemptDocument]) -> None:
        """Write what is counted of documents of which nothing else has changed: `events` and `updated_at`."""
        if not documents:
            return
        counts = _counts_of(documents.values())
        await self._connection.execute(COUNT_ATTEMPTS, *rows.columns(documents, 3), *counts)

    async def save_tasks(self, documents: Mapping[str, TaskDocument]) -> None:
        """Write whole documents."""
        if not documents:
            return
        bodies = [orjson.Fragment(document.to_json()) for document in documents.values()]
        await self._connection.execute(SAVE_TASKS, list(documents), bodies)

    async def save_rollups(self, rollups: Mapping[Key, Figures]) -> None:
        """Write whole roll-ups."""
        if not rollups:
            return
        plain = [figures.plain_json() for figures in rollups.values()]
        sketches = [pack(figures.spreads) for figures in rollups.values()]
        await self._connection.execute(SAVE_ROLLUPS, *rows.rollup_keys(rollups), plain, sketches)

    async def count_rollups(self, rollups: Mapping[Key, Figures]) -> None:
        """Write counts and newest values of roll-ups that exist, and whose spreads have not changed."""
        if not rollups:
            return
        plain = [figures.plain_json() for figures in rollups.values()]
        await self._connection.execute(COUNT_ROLLUPS, *rows.rollup_keys(rollups), plain)

    async def remove_rollups(self, keys: Sequence[Key]) -> None:
        """Remove roll-ups that have come to nothing."""
        if not keys:
            return
        await self._connection.execute(REMOVE_ROLLUPS, *rows.rollup_keys(keys))

    async def make_current(self, keys: Sequence[AttemptKey]) -> None:
        """Remember the attempts that tasks are at, unless newer ones are known."""
        if not keys:
            return
        await self._connection.execute(MAKE_CURRENT, *rows.columns(keys, 3))

    async def add_records(self, records: Sequence[Record]) -> None:
        """Add rows to the tables of single things."""
        await add(self._connection, records)

    async def note_event(self, newest: datetime) -> None:
        """Remember when the newest event occurred, if it is newer than what is known."""
        if self._newest_event_at is None or newest > self._newest_event_at:
            self._newest_event_at = newest
            await self._connection.execute(NOTE_EVENT, newest)


class PostgresProjections:
    """The projections in PostgreSQL, to write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[PostgresTransaction]:
        """Everything in the block, or nothing; one at a time, whichever process it is in."""
        async with self._database.transaction() as connection:
            yield await begin(connection)

    async def keep(self, kept: Kept) -> None:
        """Keep roll-ups from there on alone, unless less is kept already, and remove the older ones bit by bit."""
        bounds = (kept.since.get(Resolution.minute), kept.since.get(Resolution.hour))
        async with self._database.transaction() as connection:
            await begin(connection)
            [row] = await connection.fetch(KEEP, *bounds)
            kept = rows.position(row).kept
        removed = False
        for resolution, since in kept.since.items():
            while await self._removed(resolution, since):
                removed = True
        if removed:
            # Who has read the rows until now must not take them for those of this position.
            async with self._database.transaction() as connection:
                await begin(connection)

    async def _removed(self, resolution: Resolution, since: datetime) -> bool:
        async with self._database.acquire() as connection:
            return await connection.execute(REMOVE_OLD, resolution.value, since) != "DELETE 0"


async def begin(connection: Connection) -> PostgresTransaction:
    """Move the position on, and with it wait until no other transaction is open that did."""
    [row] = await connection.fetch(ADVANCE, FOLD_VERSION)
    return PostgresTransaction(connection, rows.position(row))


def _counts_of(documents: Iterable[AttemptDocument]) -> tuple[list[dict[str, int]], list[datetime | None]]:
    kept = list(documents)
    return [document.events for document in kept], [document.updated_at for document in kept]
