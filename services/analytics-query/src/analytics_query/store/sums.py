"""Roll-ups for reports: summed up, and ranked."""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from analytics_query.decisions.cover import cover
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import RESOLUTIONS, Dimension, Entity, Resolution
from analytics_query.ports import Busiest, Stretched
from analytics_query.store.rows import columns
from servicekit.pg import Database

# OFFSET 0 keeps the planner from joining whole tables: each asked row is one short range of the primary key.
TOTALS = """
    SELECT asked.label, asked.dimension, asked.entity, found.figures,
        found.spreads - string_to_array(asked.without, ',') AS spreads
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[])
        AS asked (label, dimension, entity, resolution, since, until, without)
    CROSS JOIN LATERAL (
        SELECT figures, spreads FROM rollups
        WHERE rollups.dimension = asked.dimension AND rollups.entity = asked.entity
            AND rollups.resolution = asked.resolution
            AND rollups.bucket >= asked.since AND rollups.bucket < asked.until
        OFFSET 0
    ) AS found
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
    """Sums of roll-ups in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def totals(self, asked: Sequence[Stretched]) -> dict[str, dict[Entity, Figures]]:
        """By label, the sums of each entity that has any roll-up."""
        rows = [row for one in asked for row in _stretches(one)]
        if not rows:
            return {}
        async with self._database.acquire() as connection:
            found = await connection.fetch(TOTALS, *columns(rows, 7))
        sums: defaultdict[str, dict[Entity, Figures]] = defaultdict(dict)
        for label, dimension, entity, plain, spreads in found:
            sums[label].setdefault((Dimension(dimension), entity), Figures()).merge(Figures.from_json(plain, spreads))
        return dict(sums)

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


def _stretches(one: Stretched) -> list[tuple[object, ...]]:
    without = ",".join(one.without)
    return [
        (one.label, one.dimension.value, entity, stretch.resolution.value, stretch.since, stretch.until, without)
        for stretch in _cover(one.since, one.until, _from(one.dimension, one.finest))
        for entity in one.entities
    ]


def _from(dimension: Dimension, finest: Resolution) -> tuple[Resolution, ...]:
    kept = RESOLUTIONS[dimension]
    return kept[kept.index(finest) :] if finest in kept else kept
