"""Roll-ups for reports: summed up, and ranked."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

import orjson
from asyncpg import Record

from analytics_query.decisions.cover import Stretch, ceiling_of, cover
from analytics_query.domain.distributions import Distributions, add_up
from analytics_query.domain.rollups import COUNTS, LASTS, SPREADS, Figures, Key, Rollup, totals
from analytics_query.domain.vocabulary import RESOLUTIONS, WIDTH, Dimension, Entity, Resolution, bucket_of
from analytics_query.ports import Busiest, Leading, Stretched
from analytics_query.store.kept import KeptAnswers, KeptSums, Part, Run, Sum, Versions, stretches_of
from analytics_query.store.rows import FIGURES, columns, distributions
from servicekit.pg import Connection, Database

# OFFSET 0 keeps the planner from joining whole tables: each part is one short range of the primary key.
ROWS = """
    (
        SELECT *, string_to_array(without, ',') AS names
        FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::jsonb[])
            WITH ORDINALITY AS asked (dimension, resolution, since, until, without, entities, place)
        OFFSET 0
    ) AS run
    CROSS JOIN LATERAL jsonb_array_elements_text(run.entities) WITH ORDINALITY AS part (entity, place)
    CROSS JOIN LATERAL (
        SELECT {columns} FROM rollups
        WHERE rollups.dimension = run.dimension AND rollups.entity = part.entity
            AND rollups.resolution = run.resolution
            AND rollups.bucket >= run.since AND rollups.bucket < run.until
        OFFSET 0
    ) AS found
"""
# Taking newest values out of a document would write all of it anew.
SUMMANDS = f"""
    SELECT run.place, part.place, found.version,
        CASE WHEN '{LASTS}' = ANY (run.names) THEN found.figures -> '{COUNTS}' ELSE found.figures END AS plain,
        CASE WHEN '{SPREADS}' = ANY (run.names) THEN '' ELSE found.sketches END AS sketches,
        CASE WHEN found.spreads <> '{{}}' AND '{SPREADS}' <> ALL (run.names) THEN found.spreads END AS spreads
    FROM {ROWS.format(columns=f"xmin::text::bigint AS version, {FIGURES}")}
"""
# Nothing that a row holds aside is looked at.
VERSIONS = f"""
    SELECT run.place, part.place, found.versions
    FROM {ROWS.format(columns="array_agg(xmin::text::bigint) AS versions")}
"""
# Bucket by bucket: the index on them has all dimensions of one bucket side by side.
BUSIEST = """
    SELECT asked.dimension, ranked.entity, ranked.many
    FROM unnest($1::text[], $2::text[], $3::int[]) AS asked (dimension, metric, most)
    CROSS JOIN LATERAL (
        SELECT entity, sum(found.number) AS total, count(*) OVER () AS many
        FROM unnest($4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::interval[])
            AS stretch (dimension, resolution, since, until, width)
        CROSS JOIN LATERAL generate_series(stretch.since, stretch.until - stretch.width, stretch.width) AS each (bucket)
        CROSS JOIN LATERAL (
            SELECT entity, coalesce(figures #>> ARRAY['c', asked.metric], '0')::numeric AS number
            FROM rollups
            WHERE rollups.dimension = asked.dimension AND rollups.resolution = stretch.resolution
                AND rollups.bucket = each.bucket
            OFFSET 0
        ) AS found
        WHERE stretch.dimension = asked.dimension
        GROUP BY entity HAVING sum(found.number) > 0 ORDER BY total DESC, entity LIMIT asked.most
    ) AS ranked
"""
AT_ONCE, TOGETHER_AT_ONCE = 100, 20
"""Rows, and entities, that are added up before other requests have their turn."""
NOBODY = Leading((), 0)
Parts = tuple[Part, ...]
Held = tuple[Part, list[Record]]
"""A part, with its rows."""


class PostgresSums:
    """Sums of roll-ups in PostgreSQL.

    A sum that was made before is made again only if any of its rows has changed since: most of what reports look at is
    long past. While the projections stay at one position their rows are not even looked at.
    """

    def __init__(self, database: Database, most_kept: int) -> None:
        self._database = database
        self._kept = KeptSums(most_kept)
        self._ranks = KeptAnswers[Leading]()

    async def totals(self, asked: Sequence[Stretched], position: int | None = None) -> dict[str, dict[Entity, Figures]]:
        """By label, the sums of each entity that has any roll-up. They must not be changed."""
        if not asked:
            return {}
        newest = max(one.until for one in asked)
        parts = {
            (one.label, one.dimension, entity): [Part(run, entity) for run in runs]
            for one, runs in ((one, _runs_of(one, newest)) for one in asked)
            for entity in one.entities
        }
        summed = await self._sums(dict.fromkeys(part for some in parts.values() for part in some), position)
        found = {of: tuple(part for part in some if summed[part].versions) for of, some in parts.items()}
        together = await self._together(dict.fromkeys(filter(None, found.values())), summed)
        sums: defaultdict[str, dict[Entity, Figures]] = defaultdict(dict)
        for (label, dimension, entity), some in found.items():
            if some:
                sums[label][dimension, entity] = together[some]
        return dict(sums)

    async def series(self, asked: Stretched, position: int | None = None) -> list[Rollup]:
        """The roll-ups of resolution `finest` whose buckets touch the time, in order of time. Not to be changed."""
        width, without = WIDTH[asked.finest], ",".join(asked.without)
        since, until = bucket_of(asked.since, asked.finest), ceiling_of(asked.until, asked.finest)
        buckets = [since + width * place for place in range((until - since) // width)]
        runs = [Run(asked.dimension, asked.finest, bucket, bucket + width, without) for bucket in buckets]
        summed = await self._sums((Part(run, entity) for run in runs for entity in asked.entities), position)
        return [
            Rollup(Key(asked.dimension, part.entity, asked.finest, int(part.run.since.timestamp())), made.figures)
            for part, made in sorted(summed.items(), key=lambda one: one[0].run.since)
            if made.versions
        ]

    async def _together(self, asked: Iterable[Parts], summed: Mapping[Part, Sum]) -> dict[Parts, Figures]:
        """The sums of several parts each."""
        found: dict[Parts, Figures] = {}
        unknown: list[tuple[Parts, Versions]] = []
        for parts in asked:
            first, *others = (summed[part] for part in parts)
            versions = tuple(version for one in (first, *others) for version in one.versions)
            known = self._kept.known(parts) if others else first
            if known is not None and known.versions == versions:
                found[parts] = known.figures
            else:
                unknown.append((parts, versions))
        for at in range(0, len(unknown), TOGETHER_AT_ONCE):
            await asyncio.sleep(0)
            some = unknown[at : at + TOGETHER_AT_ONCE]
            made = totals([[summed[part].figures for part in parts] for parts, _ in some])
            for (parts, versions), figures in zip(some, made, strict=True):
                found[parts] = figures
                self._kept.keep(parts, Sum(versions, figures))
        return found

    async def _sums(self, parts: Iterable[Part], position: int | None) -> dict[Part, Sum]:
        wanted = list(parts)
        known = {part: made for part in wanted if (made := self._kept.known(part)) is not None}
        same = {part: made for part, made in known.items() if self._kept.is_true(part, position)}
        if len(same) == len(wanted):
            return same
        async with self._database.acquire() as connection:
            current = await _versions(connection, (part for part in known if part not in same))
            same |= {part: known[part] for part, versions in current.items() if known[part].versions == versions}
            fresh = await read_sums(connection, [part for part in wanted if part not in same])
        made = same | fresh
        for part in wanted:
            if not self._kept.is_true(part, position):
                self._kept.keep(part, made[part], position)
        return made

    async def busiest(self, asked: Sequence[Busiest], position: int | None = None) -> dict[Dimension, Leading]:
        """By dimension, the busiest entities; nothing of a dimension without any."""
        covers = {one: tuple(_cover(one.since, one.until, _from(one.dimension, one.finest))) for one in asked}
        places = {one: (one.dimension, one.metric, one.limit, covers[one]) for one in asked}
        known = {one: found for one, at in places.items() if (found := self._ranks.known(at, position)) is not None}
        unknown = [one for one in asked if one not in known]
        found = await self._ranked([(one, covers[one]) for one in unknown]) if unknown else {}
        for one in unknown:
            self._ranks.keep(places[one], found.get(one.dimension, NOBODY), position)
        ranked = {one.dimension: leading for one, leading in known.items()} | found
        return {dimension: leading for dimension, leading in ranked.items() if leading.entities}

    async def _ranked(self, asked: Sequence[tuple[Busiest, Sequence[Stretch]]]) -> dict[Dimension, Leading]:
        dimensions = columns([(one.dimension.value, one.metric, one.limit) for one, _ in asked], 3)
        stretches = [
            (one.dimension.value, stretch.resolution.value, stretch.since, stretch.until, WIDTH[stretch.resolution])
            for one, covering in asked
            for stretch in covering
        ]
        async with self._database.acquire() as connection:
            found = await connection.fetch(BUSIEST, *dimensions, *columns(stretches, 5))
        ranked: defaultdict[Dimension, list[str]] = defaultdict(list)
        for dimension, entity, _ in found:
            ranked[Dimension(dimension)].append(entity)
        many = {Dimension(dimension): count for dimension, _, count in found}
        return {dimension: Leading(entities, many[dimension]) for dimension, entities in ranked.items()}


# Most of what a report asks for is about the same times.
_cover = lru_cache(maxsize=256)(cover)


async def _versions(connection: Connection, parts: Iterable[Part]) -> dict[Part, Versions]:
    runs = _runs(parts)
    found = await connection.fetch(VERSIONS, *_columns(runs)) if runs else []
    return {_part(runs, run, place): tuple(sorted(versions or ())) for run, place, versions in found}


async def read_sums(connection: Connection, parts: Sequence[Part]) -> dict[Part, Sum]:
    """The sums of parts, from their rows."""
    runs = _runs(parts)
    found = await connection.fetch(SUMMANDS, *_columns(runs)) if runs else []
    rows: defaultdict[tuple[int, int], list[Record]] = defaultdict(list)
    for row in found:
        rows[row[0], row[1]].append(row)
    held = [
        (Part(run, entity), rows[number, place])
        for number, (run, entities) in enumerate(runs, 1)
        for place, entity in enumerate(entities, 1)
    ]
    summed: dict[Part, Sum] = {}
    for some in _batches(held):
        await asyncio.sleep(0)
        summed |= _sums_of(some)
    return summed


def _batches(held: Iterable[Held]) -> Iterator[list[Held]]:
    """Parts with `AT_ONCE` rows together, about."""
    some: list[Held] = []
    many = 0
    for one in held:
        some.append(one)
        many += max(len(one[1]), 1)
        if many >= AT_ONCE:
            yield some
            some, many = [], 0
    yield some


def _sums_of(held: Sequence[Held]) -> dict[Part, Sum]:
    spreads = add_up(
        [[one for row in rows for one in distributions(row["sketches"], row["spreads"])] for _, rows in held]
    )
    return {part: _sum_of(part, rows, some) for (part, rows), some in zip(held, spreads, strict=True)}


def _sum_of(part: Part, rows: Sequence[Record], spreads: Distributions) -> Sum:
    without = part.run.without.split(",")
    figures = Figures(spreads=spreads.but(without))
    for row in rows:
        figures.absorb_plain({COUNTS: row["plain"] or {}} if LASTS in without else row["plain"])
    return Sum(tuple(sorted(row["version"] for row in rows)), figures)


def _runs(parts: Iterable[Part]) -> list[tuple[Run, list[str]]]:
    """Parts by what they have in common, with the entities of each: few parameters of a statement are soon read."""
    runs: defaultdict[Run, list[str]] = defaultdict(list)
    for part in parts:
        runs[part.run].append(part.entity)
    return list(runs.items())


def _part(runs: Sequence[tuple[Run, list[str]]], run: int, place: int) -> Part:
    return Part(runs[run - 1][0], runs[run - 1][1][place - 1])


def _columns(runs: Sequence[tuple[Run, list[str]]]) -> list[list[object]]:
    # A list in a list would be a dimension of the array.
    named = [(run, orjson.Fragment(orjson.dumps(entities))) for run, entities in runs]
    return columns(
        (
            (run.dimension.value, run.resolution.value, run.since, run.until, run.without, entities)
            for run, entities in named
        ),
        6,
    )


def _runs_of(one: Stretched, newest: datetime) -> list[Run]:
    without = ",".join(one.without)
    return [
        Run(one.dimension, *part, without)
        for stretch in _cover(one.since, one.until, _from(one.dimension, one.finest))
        for part in stretches_of(stretch, newest)
    ]


def _from(dimension: Dimension, finest: Resolution) -> tuple[Resolution, ...]:
    kept = RESOLUTIONS[dimension]
    return kept[kept.index(finest) :] if finest in kept else kept
