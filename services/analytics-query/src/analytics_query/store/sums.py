"""Roll-ups for reports: summed up, and ranked."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from analytics_query.decisions.cover import cover
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import RESOLUTIONS, Dimension, Entity, Resolution
from analytics_query.ports import Busiest, Stretched
from analytics_query.store.kept import KeptSums, Part, Sum, Versions, stretches_of
from analytics_query.store.rows import columns
from servicekit.pg import Connection, Database

# OFFSET 0 keeps the planner from joining whole tables: each part is one short range of the primary key.
PARTS = """
    unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[])
        AS part (place, dimension, entity, resolution, since, until, without)
"""
ROWS = """
    WHERE rollups.dimension = part.dimension AND rollups.entity = part.entity
        AND rollups.resolution = part.resolution
        AND rollups.bucket >= part.since AND rollups.bucket < part.until
"""
SUMMANDS = f"""
    SELECT part.place, found.version, found.figures,
        found.spreads - string_to_array(part.without, ',') AS spreads
    FROM {PARTS} CROSS JOIN LATERAL (
        SELECT xmin::text::bigint AS version, figures, spreads FROM rollups {ROWS} OFFSET 0
    ) AS found
"""
# Nothing that a row holds aside is looked at.
VERSIONS = f"""
    SELECT part.place, ARRAY(SELECT xmin::text::bigint FROM rollups {ROWS} ORDER BY 1) FROM {PARTS}
"""
BUSIEST = """
    SELECT asked.dimension, ranked.entity
    FROM (
        SELECT dimension, string_to_array(metrics, ',') AS metrics, most
        FROM unnest($1::text[], $2::text[], $3::int[]) AS asked (dimension, metrics, most)
    ) AS asked
    CROSS JOIN LATERAL (
        SELECT entity, sum(found.number) AS total
        FROM unnest($4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
            AS stretch (dimension, resolution, since, until)
        CROSS JOIN LATERAL (
            SELECT entity, (SELECT sum(coalesce((figures -> 'c' ->> metric)::numeric,
                (spreads -> metric ->> 0)::numeric, 0)) FROM unnest(asked.metrics) AS metric) AS number
            FROM rollups
            WHERE rollups.dimension = asked.dimension AND rollups.resolution = stretch.resolution
                AND rollups.bucket >= stretch.since AND rollups.bucket < stretch.until
            OFFSET 0
        ) AS found
        WHERE stretch.dimension = asked.dimension
        GROUP BY entity ORDER BY total DESC, entity LIMIT asked.most
    ) AS ranked
    WHERE ranked.total > 0
"""


class PostgresSums:
    """Sums of roll-ups in PostgreSQL.

    A sum that was made before is made again only if any of its rows has changed since: most of what reports look at is
    long past.
    """

    def __init__(self, database: Database, most_kept: int) -> None:
        self._database = database
        self._kept = KeptSums(most_kept)

    async def totals(self, asked: Sequence[Stretched]) -> dict[str, dict[Entity, Figures]]:
        """By label, the sums of each entity that has any roll-up. They must not be changed."""
        if not asked:
            return {}
        newest = max(one.until for one in asked)
        parts = [(one, entity, _parts(one, entity, newest)) for one in asked for entity in one.entities]
        summed = await self._sums(dict.fromkeys(part for _, _, some in parts for part in some))
        sums: defaultdict[str, dict[Entity, Figures]] = defaultdict(dict)
        for one, entity, some in parts:
            found = [made.figures for part in some if (made := summed[part]).versions]
            if found:
                sums[one.label][one.dimension, entity] = _together(found)
        return dict(sums)

    async def _sums(self, parts: Iterable[Part]) -> dict[Part, Sum]:
        wanted = list(parts)
        known = self._kept.known(wanted)
        async with self._database.acquire() as connection:
            current = await _versions(connection, list(known))
            same = {part: made for part, made in known.items() if made.versions == current[part]}
            fresh = await _summed(connection, [part for part in wanted if part not in same])
        for part, made in fresh.items():
            self._kept.keep(part, made)
        return same | fresh

    async def busiest(self, asked: Sequence[Busiest]) -> dict[Dimension, list[str]]:
        """By dimension, the entities, those with most first."""
        if not asked:
            return {}
        dimensions = columns([(one.dimension.value, one.metrics, one.limit) for one in asked], 3)
        stretches = [
            (one.dimension.value, stretch.resolution.value, stretch.since, stretch.until)
            for one in asked
            for stretch in _cover(one.since, one.until, _from(one.dimension, one.finest))
        ]
        async with self._database.acquire() as connection:
            found = await connection.fetch(BUSIEST, *dimensions, *columns(stretches, 4))
        ranked: defaultdict[Dimension, list[str]] = defaultdict(list)
        for dimension, entity in found:
            ranked[Dimension(dimension)].append(entity)
        return dict(ranked)


# Most of what a report asks for is about the same times.
_cover = lru_cache(maxsize=256)(cover)


async def _versions(connection: Connection, parts: Sequence[Part]) -> dict[Part, Versions]:
    found = await connection.fetch(VERSIONS, *_columns(parts)) if parts else []
    return {parts[place]: versions for place, versions in found}


async def _summed(connection: Connection, parts: Sequence[Part]) -> dict[Part, Sum]:
    found = await connection.fetch(SUMMANDS, *_columns(parts)) if parts else []
    made = {part: Sum([], Figures()) for part in parts}
    for place, version, plain, spreads in found:
        versions, figures = made[parts[place]]
        more = Figures.from_json(plain, spreads)
        if versions:
            figures.absorb(more)
        else:
            made[parts[place]] = Sum(versions, more)
        versions.append(version)
    for versions, _ in made.values():
        versions.sort()
    return made


def _columns(parts: Sequence[Part]) -> list[list[object]]:
    return columns(
        (
            (place, part.dimension.value, part.entity, part.resolution.value, part.since, part.until, part.without)
            for place, part in enumerate(parts)
        ),
        7,
    )


def _parts(one: Stretched, entity: str, newest: datetime) -> list[Part]:
    return [
        Part(one.dimension, entity, *part, ",".join(one.without))
        for stretch in _cover(one.since, one.until, _from(one.dimension, one.finest))
        for part in stretches_of(stretch, newest)
    ]


def _together(figures: Sequence[Figures]) -> Figures:
    if len(figures) == 1:
        return figures[0]
    # The largest is copied, the others are added to it: the order makes no difference.
    first, *others = sorted(figures, key=lambda one: -one.size)
    together = first.copy()
    for one in others:
        together.absorb(one)
    return together


def _from(dimension: Dimension, finest: Resolution) -> tuple[Resolution, ...]:
    kept = RESOLUTIONS[dimension]
    return kept[kept.index(finest) :] if finest in kept else kept
