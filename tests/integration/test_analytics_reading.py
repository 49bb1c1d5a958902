"""What is read of the projections, from the database and from memory alike."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple

import pytest

from analytics_query import app
from analytics_query.decisions.viewing import facts_of
from analytics_query.domain.retention import Kept
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Resolution
from analytics_query.handlers.projecting import Projector
from analytics_query.ports import Documents, Projections, Rollups
from analytics_query.store import PLANNER, PostgresDocuments, PostgresProjections, PostgresRollups
from servicekit.migrations import run_migrations
from servicekit.pg import Database as Pg
from tests.support.examples import NOW
from tests.support.histories import History
from tests.support.projecting import Memory, project
from tests.support.schema import settings_of
from tests.support.stack import Database

HISTORY = History(seed=11, tasks=4, events=120)
SINCE, UNTIL = NOW - timedelta(minutes=1), NOW + timedelta(days=3)


class Ports(NamedTuple):
    """One implementation of all ports, after the history was projected."""

    projections: Projections
    rollups: Rollups
    documents: Documents


async def in_postgres(database: Database) -> tuple[Ports, Pg]:
    settings = settings_of(database, app.SCHEMA)
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings)
    pg = await Pg.connect(settings, app.SCHEMA, planner=PLANNER)
    return Ports(PostgresProjections(pg), PostgresRollups(pg), PostgresDocuments(pg)), pg


@pytest.fixture(params=["memory", "postgres"])
def place(request: pytest.FixtureRequest) -> Database | None:
    """The database; None: memory."""
    return request.getfixturevalue("database") if request.param == "postgres" else None


@pytest.fixture
async def ports(place: Database | None) -> AsyncIterator[Ports]:
    memory, pg = Memory(), None
    ports = Ports(memory, memory, memory)
    if place is not None:
        ports, pg = await in_postgres(place)
    for one in HISTORY.sealed():
        await project(Projector(ports.projections), [one])
    yield ports
    if pg is not None:
        await pg.close()


async def test_what_is_read_adds_up_whatever_the_resolution(ports: Ports) -> None:
    told = [item for item in HISTORY.items if hasattr(item, "body")]
    for resolution in (None, *Resolution):
        rollups = await ports.rollups.read(Dimension.system, [SYSTEM], SINCE, UNTIL, resolution)
        assert sum(one.figures.counts.get("events", 0) for one in rollups) == len(told)
    hours = await ports.rollups.series(Dimension.system, None, SINCE, UNTIL, Resolution.hour)
    assert sum(one.figures.counts.get("events", 0) for one in hours) == len(told)
    assert [one.key.bucket_s for one in hours] == sorted(one.key.bucket_s for one in hours)
    assert {one.key.resolution for one in hours} == {Resolution.hour}


async def test_the_busiest_entities_come_first_with_their_sum(ports: Ports) -> None:
    by_worker: dict[str, int] = {}
    for item in HISTORY.items:
        if hasattr(item, "body"):
            by_worker[item.worker_id or ""] = by_worker.get(item.worker_id or "", 0) + 1
    expected = sorted(by_worker.items(), key=lambda one: (-one[1], one[0]))[:2]
    assert await ports.rollups.entities(Dimension.worker, SINCE, UNTIL, "events", 2) == expected
    assert await ports.rollups.entities(Dimension.worker, SINCE, UNTIL, "no such metric", 2) == []


async def test_only_the_entities_that_are_asked_for_are_read(ports: Ports) -> None:
    found = await ports.rollups.read(Dimension.worker, ["w2", "nobody"], SINCE, UNTIL)
    assert {one.key.entity for one in found} == {"w2"}
    assert await ports.rollups.read(Dimension.worker, [], SINCE, UNTIL) == []
    before = NOW - timedelta(days=9)
    assert await ports.rollups.read(Dimension.worker, None, before, before + timedelta(days=1)) == []


async def test_the_beginning_is_that_of_the_oldest_roll_up(ports: Ports) -> None:
    minutes = await ports.rollups.series(Dimension.system, None, SINCE, UNTIL, Resolution.minute)
    first = await ports.rollups.first(Dimension.system, SYSTEM)
    assert first is not None
    assert first.timestamp() == minutes[0].key.bucket_s
    assert await ports.rollups.first(Dimension.worker, "nobody") is None


async def test_forgetting_what_is_old_takes_nothing_from_what_is_read(ports: Ports) -> None:
    before = await ports.rollups.read(Dimension.system, None, SINCE, UNTIL, Resolution.day)
    position = await ports.documents.position()
    await ports.projections.keep(Kept({Resolution.minute: NOW + timedelta(hours=2)}))
    await ports.projections.keep(Kept({Resolution.minute: NOW, Resolution.hour: NOW + timedelta(hours=1)}))
    known = await ports.documents.position()
    assert known.number >= position.number + 2
    assert known.kept.since[Resolution.minute] == NOW + timedelta(hours=2)
    after = await ports.rollups.read(Dimension.system, None, SINCE, UNTIL)
    assert sum(one.figures.counts["events"] for one in after) == sum(one.figures.counts["events"] for one in before)
    minutes = await ports.rollups.series(Dimension.system, None, SINCE, NOW + timedelta(hours=1), Resolution.minute)
    assert minutes == []


async def test_a_task_is_shown_as_its_current_attempt_has_it(ports: Ports) -> None:
    task_id = f"task-{11}-0"
    task = await ports.documents.task(task_id)
    assert task is not None
    key, document = await ports.documents.current_attempt(task_id)
    assert key is not None
    assert (key.attempt, key.worker_id) == (task.attempt, task.worker_id)
    assert facts_of(task_id, key.attempt, document).events == document.events
    attempts = await ports.documents.attempts([task_id, "task-unknown"])
    assert attempts[key] == document
    assert [one.attempt for one in attempts] == sorted((one.attempt for one in attempts), reverse=True)
    assert (await ports.documents.task("task-unknown"), await ports.documents.attempts([])) == (None, {})
    nobody, empty = await ports.documents.current_attempt("task-unknown")
    assert (nobody, empty.events) == (None, {})


async def test_without_news_the_newest_attempt_that_reported_is_the_current_one(ports: Ports) -> None:
    unheard = f"task-{11}-unheard"
    attempts = await ports.documents.attempts([unheard])
    key, document = await ports.documents.current_attempt(unheard)
    assert key is not None
    assert key.attempt == max(one.attempt for one in attempts)
    assert document in attempts.values()
