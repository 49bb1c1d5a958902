"""Reading the projections."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from analytics_query.decisions.cover import Stretch, ceiling_of, cover, first_of
from analytics_query.domain.documents import AttemptDocument, AttemptKey, TaskDocument
from analytics_query.domain.rollups import Rollup
from analytics_query.domain.vocabulary import RESOLUTIONS, Dimension, Resolution, bucket_of
from analytics_query.ports import Position
from analytics_query.store import rows
from servicekit.pg import Connection, Database

# $2: entities, or a metric; $3 to $5: stretches of roll-ups side by side.
STRETCHES = """
    FROM unnest($3::text[], $4::timestamptz[], $5::timestamptz[]) AS stretch (resolution, since, until)
    JOIN rollups ON rollups.dimension = $1 AND rollups.resolution = stretch.resolution
        AND rollups.bucket >= stretch.since AND rollups.bucket < stretch.until
"""
ROLLUP = f"dimension, entity, rollups.resolution, bucket, {rows.FIGURES}"
READ_ALL = f"SELECT {ROLLUP} {STRETCHES} WHERE $2::text[] IS NULL ORDER BY entity, bucket"
READ_SOME = f"SELECT {ROLLUP} {STRETCHES} AND rollups.entity = ANY($2::text[]) ORDER BY entity, bucket"
BUSIEST = f"""
    SELECT entity, sum((figures -> 'c' ->> $2)::numeric)::bigint AS total {STRETCHES}
    GROUP BY entity HAVING sum((figures -> 'c' ->> $2)::numeric) > 0
    ORDER BY total DESC, entity LIMIT $6
"""
# Roll-ups of days are kept for good.
DIMENSIONS = f"""
    SELECT asked.entity, kind.dimension
    FROM unnest($1::text[]) AS asked (entity) CROSS JOIN unnest($2::text[]) AS kind (dimension)
    WHERE EXISTS (
        SELECT FROM rollups WHERE rollups.dimension = kind.dimension AND rollups.entity = asked.entity
            AND resolution = '{Resolution.day}'
        OFFSET 0
    )
"""
FIRST = """
    SELECT kind.resolution, (
        SELECT min(bucket) FROM rollups WHERE dimension = $1 AND entity = $2 AND rollups.resolution = kind.resolution
    ) FROM unnest($3::text[]) AS kind (resolution)
"""
# Without news of the task the newest attempt that reported anything is taken for the current one.
CURRENT = """
    SELECT asked.task_id, coalesce(current.attempt, known.attempt) AS attempt,
        coalesce(current.worker_id, known.worker_id) AS worker_id, known.document::text, known.events, known.updated_at
    FROM (SELECT $1::text AS task_id) AS asked
    LEFT JOIN current_attempts AS current USING (task_id)
    LEFT JOIN attempts AS known ON known.task_id = asked.task_id
        AND (current.task_id IS NULL OR (known.attempt, known.worker_id) = (current.attempt, current.worker_id))
    ORDER BY known.attempt DESC LIMIT 1
"""
ATTEMPTS = f"SELECT {rows.ATTEMPT} FROM attempts WHERE task_id = ANY($1) ORDER BY task_id, attempt DESC, worker_id"
TASK = "SELECT document::text FROM tasks WHERE task_id = $1"
POSITION = f"SELECT {rows.POSITION} FROM projection"


class PostgresRollups:
    """Roll-ups in PostgreSQL, to read; each question is one statement, once it is known what is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(
        self,
        dimension: Dimension,
        entities: Sequence[str] | None,
        since: datetime,
        until: datetime,
        resolution: Resolution | None = None,
    ) -> list[Rollup]:
        """Roll-ups that cover [since, until) without overlap, in as few as there can be; see `ports.Rollups`."""
        async with self._database.acquire() as connection:
            kept = (await _position(connection)).kept
            stretches = cover(since, until, _not_finer(dimension, resolution), kept)
            return await _read(connection, dimension, entities, stretches)

    async def series(
        self,
        dimension: Dimension,
        entities: Sequence[str] | None,
        since: datetime,
        until: datetime,
        resolution: Resolution,
    ) -> list[Rollup]:
        """Roll-ups of one resolution whose buckets touch [since, until), in order of entity and time."""
        stretch = Stretch(resolution, bucket_of(since, resolution), ceiling_of(until, resolution))
        async with self._database.acquire() as connection:
            return await _read(connection, dimension, entities, [stretch])

    async def first(self, dimension: Dimension, entity: str) -> datetime | None:
        """Where the oldest roll-up of an entity begins, as fine as it is kept; None: there is none."""
        names = [resolution.value for resolution in RESOLUTIONS[dimension]]
        async with self._database.acquire() as connection:
            found = await connection.fetch(FIRST, dimension.value, entity, names)
        return first_of({Resolution(name): bucket for name, bucket in found if bucket is not None})

    async def dimensions(self, entities: Sequence[str], among: Collection[Dimension]) -> dict[str, set[Dimension]]:
        """In which of these dimensions there is any roll-up of each entity; nothing of those without any."""
        names = [dimension.value for dimension in among]
        async with self._database.acquire() as connection:
            rows_found = await connection.fetch(DIMENSIONS, entities, names)
        found: defaultdict[str, set[Dimension]] = defaultdict(set)
        for entity, dimension in rows_found:
            found[entity].add(Dimension(dimension))
        return dict(found)

    async def entities(
        self, dimension: Dimension, since: datetime, until: datetime, by_metric: str, limit: int
    ) -> list[tuple[str, int]]:
        """The entities with the largest sum of a count in [since, until), largest first, with that sum."""
        async with self._database.acquire() as connection:
            stretches = cover(since, until, RESOLUTIONS[dimension], (await _position(connection)).kept)
            found = await connection.fetch(BUSIEST, dimension.value, by_metric, *_columns(stretches), limit)
        return [(entity, total) for entity, total in found]


class PostgresDocuments:
    """Documents in PostgreSQL, to read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def task(self, task_id: str) -> TaskDocument | None:
        """What is kept of a task; None: the orchestrator has not spoken of it."""
        async with self._database.acquire() as connection:
            document = await connection.fetchval(TASK, task_id)
        return None if document is None else TaskDocument.model_validate_json(document)

    async def attempts(self, task_ids: Sequence[str]) -> dict[AttemptKey, AttemptDocument]:
        """What is kept of all attempts of these tasks, by key, the newest attempts first."""
        async with self._database.acquire() as connection:
            found = await connection.fetch(ATTEMPTS, task_ids)
        return dict(map(rows.attempt, found))

    async def current_attempt(self, task_id: str) -> tuple[AttemptKey | None, AttemptDocument]:
        """A task's current attempt, and its document, empty where there is none."""
        async with self._database.acquire() as connection:
            row = await connection.fetchrow(CURRENT, task_id)
        assert row is not None
        key = AttemptKey(task_id, row["attempt"], row["worker_id"]) if row["attempt"] else None
        return key, AttemptDocument() if row["document"] is None else rows.attempt(row)[1]

    async def position(self) -> Position:
        """How far the projections are."""
        async with self._database.acquire() as connection:
            return await _position(connection)


async def _read(
    connection: Connection, dimension: Dimension, entities: Sequence[str] | None, stretches: Sequence[Stretch]
) -> list[Rollup]:
    statement = READ_ALL if entities is None else READ_SOME
    return list(map(rows.rollup, await connection.fetch(statement, dimension.value, entities, *_columns(stretches))))


async def _position(connection: Connection) -> Position:
    [row] = await connection.fetch(POSITION)
    return rows.position(row)


def _not_finer(dimension: Dimension, finest: Resolution | None) -> Sequence[Resolution]:
    kept = RESOLUTIONS[dimension]
    return kept[kept.index(finest) :] if finest in kept else kept


def _columns(stretches: Sequence[Stretch]) -> list[list[object]]:
    return rows.columns([(one.resolution.value, one.since, one.until) for one in stretches], 3)
