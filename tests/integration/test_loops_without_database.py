"""Loops of services while PostgreSQL is away: they try again, and none counts as crashed."""

from collections.abc import Callable

import pytest

import analytics_query.loops
import question_broker.loops
import telemetry_ingest.loops
from analytics_query.store import PostgresDocuments, PostgresProjections
from question_broker.handlers.escalating import Escalating
from question_broker.settings import Settings as QuestionSettings
from question_broker.store import PostgresEscalations, PostgresQuestions
from servicekit.clock import SystemClock
from servicekit.health import Readiness
from servicekit.lifecycle import Background, Loop
from servicekit.metrics import REGISTRY
from servicekit.pg import Database
from servicekit.settings import ServiceSettings
from telemetry_ingest.store import PostgresEventLog
from tests.support.waiting import eventually

# Nobody listens there.
AWAY = ServiceSettings(postgres_host="127.0.0.1", postgres_port=9)
CLOCK = SystemClock()
TICK_MS = 10


def expiry(database: Database) -> Loop:
    questions = PostgresQuestions(database, lambda: None, lambda _closed: None)
    return question_broker.loops.expire(questions, CLOCK, TICK_MS)


def escalation(database: Database) -> Loop:
    async def send(*_: object) -> None:
        raise AssertionError("there is nothing to send")

    policy = QuestionSettings().escalation_policy
    escalating = Escalating(PostgresEscalations(database), send, policy, CLOCK)  # type: ignore[arg-type]
    return question_broker.loops.escalate(escalating, TICK_MS)


def rollups(database: Database) -> Loop:
    return analytics_query.loops.retain(PostgresProjections(database), CLOCK, 1, 1, TICK_MS)


def position(database: Database) -> Loop:
    return analytics_query.loops.watch(PostgresDocuments(database), TICK_MS)


def partitions(database: Database) -> Loop:
    return telemetry_ingest.loops.keep_partitions(PostgresEventLog(database), CLOCK, 1.0)


def retention(database: Database) -> Loop:
    return telemetry_ingest.loops.forget_old(PostgresEventLog(database), CLOCK, 1.0, days=1)


def consumption(database: Database) -> Loop:
    async def consume() -> None:
        raise AssertionError("there is no partition for what is consumed")

    return telemetry_ingest.loops.after_partitions(PostgresEventLog(database), CLOCK, consume)


@pytest.mark.parametrize("make", [expiry, escalation, rollups, position, partitions, retention, consumption])
async def test_a_loop_outlasts_the_absence_of_the_database(make: Callable[[Database], Loop]) -> None:
    name = f"away: {make.__name__}"
    readiness = Readiness(CLOCK)
    database = await Database.connect(AWAY, name)
    async with Background(readiness) as background:
        background.start(name, make(database))
        await eventually(lambda: (REGISTRY.get_sample_value("mews_postgres_failures_total", {"schema": name}) or 0) > 1)
        assert (await readiness.report()).ready
        assert REGISTRY.get_sample_value("mews_loop_failures_total", {"loop": name}) is None
    await database.close()
