"""What is planted in a fleet's month stands out in the reports, and what is not planted does not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from analytics_query import app
from analytics_query.settings import Settings
from tests.load.fleet.shape import Shape
from tests.load.projecting import project
from tests.support.running import running_service
from tests.support.stack import TestNats, TestPostgres, TestRedis, run

# Whole days long ago: only roll-ups of days are kept of them, so that what is told does not depend on the clock.
UNTIL = datetime(2025, 6, 5, tzinfo=UTC)
FLEET = Shape(UNTIL, events=7_000, workers=4, repositories=2, sampled_every_ms=86_400_000)
MANY = replace(FLEET, seed=1, per_attempt=6)
LONG = replace(FLEET, seed=2, per_attempt=600, days=4)
MONTH, TEN_DAYS, LAST_DAY = (f"P{days}D/{UNTIL:%Y-%m-%dT00:00:00Z}" for days in (30, 10, 1))
PLANTED = MANY.planted
PERFORMANCE, QUALITY, ERRORS = (f"/v1/reports/{name}" for name in ("performance", "quality", "errors"))
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "workers": (PERFORMANCE, {"report_type": "comparative", "time_range": MONTH}),
    "trust": (PERFORMANCE, {"report_type": "comparative", "time_range": MONTH, "metrics": "trust"}),
    "lately": (PERFORMANCE, {"report_type": "system", "time_range": TEN_DAYS, "metrics": "regressions"}),
    **{
        worker.worker_id: (
            PERFORMANCE,
            {"report_type": "worker", "entity_id": worker.worker_id, "time_range": MONTH, "metrics": "memory"},
        )
        for worker in MANY.fleet
    },
    "quality": (QUALITY, {"entity_type": "system", "time_range": MONTH, "metrics": "tests"}),
    "errors": (ERRORS, {"time_range": LAST_DAY}),
}


@dataclass(frozen=True)
class Told:
    """The reports' answers by the names of `ASKED`."""

    answers: dict[str, Any]

    def findings(self, name: str, kind: str) -> list[dict[str, Any]]:
        """Findings of one kind in a report."""
        sections = self.answers[name]["sections"]
        return [one for section in sections for one in section["findings"] if one["kind"] == kind]


@pytest.fixture(scope="module")
def told(postgres: TestPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Two histories of one fleet, of many short attempts and of few long ones, projected and asked about once."""
    folder = tmp_path_factory.mktemp("planted")
    nats, redis, database = TestNats(folder / "nats"), TestRedis(folder / "redis"), postgres.create()
    nats.start()
    redis.start()
    env = database.env("analytics") | nats.env() | redis.env()
    settings = Settings.model_validate({name.lower(): value for name, value in env.items()})
    try:
        yield Told(run(_ask(settings)))
    finally:
        redis.stop()
        nats.stop()
        postgres.drop(database)


async def _ask(settings: Settings) -> dict[str, Any]:
    async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client:
        for shape in (MANY, LONG):
            await project(shape, settings)
        responses = {name: await client.get(path, params=params) for name, (path, params) in ASKED.items()}
    return {name: response.raise_for_status().json() for name, response in responses.items()}


def test_the_slow_worker_alone_is_slower_than_the_others(told: Told) -> None:
    found = [one for one in told.findings("workers", "difference") if one["metric"] == "execution_time_p50"]
    assert [one["entity_id"] for one in found if "worse" in one["text"]] == [PLANTED.slow_worker]


def test_the_worker_whose_claims_do_not_hold_is_trusted_least(told: Told) -> None:
    rows = [row for section in told.answers["trust"]["sections"] for row in section["rows"]]
    trust = {row["entity_id"]: row["figures"][0]["value"] for row in rows}
    assert min(trust, key=lambda worker: trust[worker]) == PLANTED.disagreeing_worker
    assert sorted(trust.values())[1] > 2 * trust[PLANTED.disagreeing_worker]


def test_the_repository_that_became_slow_is_named_as_a_regression(told: Told) -> None:
    slower = [one for one in told.findings("lately", "regression") if one["metric"] == "execution_time_p50"]
    assert slower
    assert all(PLANTED.regressed_repository in one["entity_id"] for one in slower)


def test_the_leak_is_found_at_its_worker_alone_and_as_steep_as_it_is(told: Told) -> None:
    slopes = {
        worker.worker_id: sum(one["effect"] for one in told.findings(worker.worker_id, "memory_leak"))
        for worker in MANY.fleet
    }
    # Of the heap, which is seven tenths of the memory; noise may look like a small leak.
    planted = 0.7 * PLANTED.leak_mb_per_hour
    assert slopes.pop(PLANTED.leaking_worker) == pytest.approx(planted, rel=0.25)
    assert all(slope < planted / 10 for slope in slopes.values())


def test_the_flaky_test_is_named(told: Told) -> None:
    assert PLANTED.flaky_test in told.findings("quality", "flaky_test")[0]["text"]


def test_only_the_errors_of_the_last_day_are_new(told: Told) -> None:
    groups = told.answers["errors"]["groups"]
    assert {group["error_type"] for group in groups if group["is_new"]} == {PLANTED.new_error_type}
    assert any(not group["is_new"] for group in groups)
