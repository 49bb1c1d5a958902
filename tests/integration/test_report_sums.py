"""Sums for reports, of which those are kept whose rows have not changed since."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import product
from typing import cast

import pytest

from analytics_query import app
from analytics_query.decisions.reports.asked import Asked
from analytics_query.decisions.time_ranges import time_range
from analytics_query.domain.retention import Kept
from analytics_query.domain.rollups import Figures, Rollup
from analytics_query.domain.spreads import MIDDLE, Spread
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Entity, Resolution
from analytics_query.handlers.analyses import FILTERS, analyze_decisions, analyze_errors
from analytics_query.handlers.gathering import Sources
from analytics_query.handlers.projecting import Projector
from analytics_query.handlers.reports import analytics_report, performance_report, quality_report
from analytics_query.handlers.warming import TIME_RANGES, Warmth
from analytics_query.ports import Busiest, Leading, Stretched
from analytics_query.store import (
    PLANNER,
    PostgresDocuments,
    PostgresProjections,
    PostgresRecords,
    PostgresRollups,
    PostgresSums,
    sums,
)
from analytics_query.store.kept import Part, Sum
from contracts.analytics import EntityType, ReportType
from servicekit.migrations import run_migrations
from servicekit.pg import Connection
from servicekit.pg import Database as Pg
from tests.support.examples import NOW
from tests.support.histories import History
from tests.support.projecting import project
from tests.support.schema import settings_of
from tests.support.stack import Database

HISTORY = History(seed=12, tasks=6, events=200)
SINCE, UNTIL = NOW - timedelta(days=2), NOW + timedelta(days=3)
WORKERS = sorted({str(item.worker_id) for item in HISTORY.items if getattr(item, "worker_id", None)})
ASKED = [
    Stretched("all", Dimension.system, [SYSTEM], SINCE, UNTIL, Resolution.minute),
    Stretched("days", Dimension.system, [SYSTEM], SINCE, UNTIL, Resolution.day, ("cpu_percent@reported",)),
    Stretched("all", Dimension.worker, WORKERS, SINCE, UNTIL, Resolution.hour),
    Stretched("before", Dimension.worker, [*WORKERS, "nobody"], SINCE, NOW + timedelta(hours=1), Resolution.hour),
]
TASKS = tuple(sorted({str(item.task_id) for item in HISTORY.items if getattr(item, "task_id", None)})[:2])
REASONS = ("include_reasoning", True)
SERIES = Stretched("series", Dimension.system, [SYSTEM], SINCE, UNTIL, Resolution.hour)


@pytest.fixture
async def pg(database: Database) -> AsyncIterator[Pg]:
    settings = settings_of(database, app.SCHEMA)
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings)
    pg = await Pg.connect(settings, app.SCHEMA, planner=PLANNER)
    yield pg
    await pg.close()


async def read(of: PostgresSums) -> tuple[object, object]:
    return await of.totals(ASKED), await of.series(SERIES)


async def test_kept_sums_are_those_that_would_be_made_anew(pg: Pg) -> None:
    kept, projections = PostgresSums(pg, 100_000), PostgresProjections(pg)
    narrow = PostgresSums(pg, 200)
    for one in HISTORY.sealed():
        await project(Projector(projections), [one])
        anew = await read(PostgresSums(pg, 0))
        assert await read(kept) == anew
        assert await read(narrow) == anew
    assert (await kept.totals(ASKED))["all"][Dimension.system, SYSTEM].counts["events"]
    await projections.keep(Kept({Resolution.minute: UNTIL, Resolution.hour: UNTIL}))
    assert await read(kept) == await read(PostgresSums(pg, 0))


async def test_what_has_not_changed_is_not_summed_up_again(pg: Pg) -> None:
    sums, projections = PostgresSums(pg, 100_000), PostgresProjections(pg)
    for one in HISTORY.sealed():
        await project(Projector(projections), [one])

    async def found() -> dict[str, Figures]:
        return {entity: figures for (_, entity), figures in (await sums.totals(ASKED))["all"].items()}

    first, again = await found(), await found()
    assert all(again[name] is figures for name, figures in first.items())
    changed = WORKERS[0]
    statement = """
        UPDATE rollups SET figures = jsonb_set(figures, '{c,events}', '1000000')
        WHERE dimension = 'worker' AND entity = $1
    """
    async with pg.acquire() as connection:
        await connection.execute(statement, changed)
    now = await found()
    assert {name for name in now if now[name] is not first[name]} == {changed}
    assert now[changed].counts["events"] >= 1_000_000


async def test_the_busiest_are_those_with_most_of_a_count(pg: Pg) -> None:
    sums, projections = PostgresSums(pg, 0), PostgresProjections(pg)
    for one in HISTORY.sealed():
        await project(Projector(projections), [one])
    [figures] = (await sums.totals([ASKED[2]])).values()
    by_entity = {entity: one for (_, entity), one in figures.items()}
    counts = {metric for one in by_entity.values() for metric in one.counts}
    expected: dict[str, Leading | None] = {}
    for metric in counts:
        numbers = {entity: one.counts.get(metric, 0) for entity, one in by_entity.items()}
        most, many = min(numbers, key=lambda entity: (-numbers[entity], entity)), sum(n > 0 for n in numbers.values())
        expected[metric] = Leading([most], many) if many else None
    assert any(len([one for one in by_entity.values() if name in one.counts]) < len(by_entity) for name in counts)
    for metric, first in expected.items():
        asked = Busiest(Dimension.worker, metric, SINCE, UNTIL, Resolution.hour, 1)
        assert (await sums.busiest([asked])).get(Dimension.worker) == first, metric


class Whole(PostgresSums):
    """Sums with all that roll-ups hold, whatever is said not to be needed."""

    async def totals(self, asked: Sequence[Stretched], position: int | None = None) -> dict[str, dict[Entity, Figures]]:
        return await super().totals([one._replace(without=()) for one in asked], position)

    async def series(self, asked: Stretched, position: int | None = None) -> list[Rollup]:
        return await super().series(asked._replace(without=()), position)


async def test_a_report_says_no_less_for_what_it_does_not_read(pg: Pg) -> None:
    projections = PostgresProjections(pg)
    for one in HISTORY.sealed():
        await project(Projector(projections), [one])
    documents = PostgresDocuments(pg)
    position = await documents.position()
    assert position.newest_event_at is not None
    # Where it is not known when the newest event was, the hours of the last day are read, not the day.
    by_hour = replace(position, newest_event_at=None)
    read, whole = (
        Sources(kind(pg, 1_000_000), PostgresRollups(pg), documents, PostgresRecords(pg))
        for kind in (PostgresSums, Whole)
    )
    subjects = [(EntityType.system, ()), (EntityType.repository, ()), (EntityType.worker, ())]
    subjects += [(EntityType.worker, tuple(WORKERS[:many])) for many in (1, 2, 3)]
    subjects += [(EntityType.task, TASKS), (EntityType.repository, ("r1",))]
    reports = (partial(performance_report, objective_percent=99.0), analytics_report, quality_report)
    told = 0
    ranges, times = ("last_hour", "last_24_hours", "last_30_days"), (NOW, position.newest_event_at)
    for (kind, ids), name, report, at in product(subjects, ranges, reports, times):
        now = at + timedelta(hours=3)
        asked = Asked("any", time_range(name, now), kind, ids, report_type=ReportType.system)
        expected = await report(asked, now, by_hour, whole)
        assert await report(asked, now, position, read) == expected, (kind, ids, name, report, at)
        told += sum(figure.samples > 0 for section in expected.sections for figure in section.figures)
    assert told > 500
    now = NOW + timedelta(hours=3)
    for name in ("last_24_hours", "last_30_days"):
        asked = Asked("decisions", time_range(name, now), more=(("task_id", None), ("decision_type", None), REASONS))
        decided = [await analyze_decisions(asked, None, now, position, sources) for sources in (read, whole)]
        asked = asked._replace(
            more=tuple({**dict.fromkeys(FILTERS), "severities": (), "include_recovery": True}.items())
        )
        failed = [await analyze_errors(asked, None, now, position, sources, 99.0) for sources in (read, whole)]
        assert decided[0] == decided[1]
        assert failed[0] == failed[1]
        assert decided[0].patterns
        assert failed[0].groups


class Looking:
    """A database that counts how often somebody takes a connection of it."""

    def __init__(self, pg: Pg) -> None:
        self._pg = pg
        self.taken = 0

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        self.taken += 1
        return self._pg.acquire()


async def test_rows_are_looked_at_once_for_each_position(pg: Pg) -> None:
    projections, documents, looking = PostgresProjections(pg), PostgresDocuments(pg), Looking(pg)
    sums = PostgresSums(cast("Pg", looking), 1_000_000)
    busiest = [Busiest(kind, "events", SINCE, UNTIL, Resolution.hour, 3) for kind in (*Dimension,)[:2]]

    async def found(of: PostgresSums, position: int | None) -> tuple[object, ...]:
        return await of.totals(ASKED, position), await of.series(SERIES, position), await of.busiest(busiest, position)

    for one in HISTORY.sealed():
        await project(Projector(projections), [one])
        position = (await documents.position()).number
        anew = await found(PostgresSums(pg, 0), None)
        assert await found(sums, position) == anew
        looked = looking.taken
        assert await found(sums, position) == anew
        assert looking.taken == looked
    await projections.keep(Kept({Resolution.minute: UNTIL, Resolution.hour: UNTIL}))
    after = (await documents.position()).number
    assert await found(sums, after) == await found(PostgresSums(pg, 0), None)


async def test_what_was_warmed_is_not_summed_up_again_until_it_changes(pg: Pg, monkeypatch: pytest.MonkeyPatch) -> None:
    *earlier, last = HISTORY.sealed()
    projector = Projector(PostgresProjections(pg))
    await project(projector, earlier)
    documents = PostgresDocuments(pg)
    sources = Sources(PostgresSums(pg, 1_000_000), PostgresRollups(pg), documents, PostgresRecords(pg))
    warmth, now = Warmth(sources), NOW + timedelta(hours=3)
    assert await warmth.renew(now)
    assert not await warmth.renew(now)
    anew: list[object] = []
    summed = sums.read_sums

    async def noting(connection: Connection, parts: Sequence[Part]) -> dict[Part, Sum]:
        anew.extend(parts)
        return await summed(connection, parts)

    monkeypatch.setattr(sums, "read_sums", noting)
    for name in TIME_RANGES:
        asked = Asked("performance", time_range(name, now), report_type=ReportType.system)
        report = await performance_report(asked, now, await documents.position(), sources, 99.0)
        assert report.sections
    assert not anew
    await project(projector, [last])
    assert await warmth.renew(now)
    assert anew


# As versions before schema 0006 kept the distributions of a roll-up, and as they changed them.
AS_BEFORE = """
    UPDATE rollups SET sketches = '', spreads = '{"execution_ms": [2, 2000000, {"0!": 1, "35": 1}]}'
    WHERE dimension = 'system' AND resolution = 'day'
"""
KEPT_AS_BEFORE = "SELECT count(*) FROM rollups WHERE spreads <> '{}'"


async def test_what_earlier_versions_kept_counts_and_is_moved_over(pg: Pg) -> None:
    projections, batches = PostgresProjections(pg), HISTORY.sealed()
    days = Stretched("days", Dimension.system, [SYSTEM], SINCE, UNTIL, Resolution.day)

    async def spread() -> Spread:
        return (await PostgresSums(pg, 0).totals([days]))["days"][Dimension.system, SYSTEM].spreads["execution_ms"]

    async with pg.acquire() as connection:
        for one in batches[:-10]:
            await project(Projector(projections), [one])
        await connection.execute(AS_BEFORE)
        before: int = await connection.fetchval(KEPT_AS_BEFORE)
        assert (await spread()).bins == {0: before, 35 + MIDDLE: before}
        for one in batches[-10:]:
            await project(Projector(projections), [one])
        assert await connection.fetchval(KEPT_AS_BEFORE) < before
    assert (await spread()).bins[0] == before
