"""The reports on real servers: what they say of a known story is what numpy makes of its raw facts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Any

import httpx
import numpy as np
import pytest

from analytics_query import app
from analytics_query.settings import Settings
from contracts import streams
from servicekit.clock import SystemClock
from tests.support.buskit import a_bus
from tests.support.fleet_story import CLASS, EACH, FAST, REPOSITORY, SLOW, STRATEGIES, Run, Story, tell
from tests.support.producer import Producer, settled
from tests.support.running import running_service
from tests.support.stack import TestNats, TestPostgres, TestRedis, run

PERFORMANCE, QUALITY, DECISIONS, ERRORS = (
    f"/v1/reports/{name}" for name in ("performance", "quality", "decisions", "errors")
)
DAY = "time_range=last_24_hours"
ASKED = {
    "system": f"{PERFORMANCE}?{DAY}",
    "again": f"{PERFORMANCE}?{DAY}",
    "narrow": f"{PERFORMANCE}?{DAY}&metrics=execution_time&metrics=queue",
    "worker": f"{PERFORMANCE}?{DAY}&report_type=worker&entity_id={SLOW}",
    "comparative": f"{PERFORMANCE}?{DAY}&report_type=comparative",
    "pair": f"{PERFORMANCE}?{DAY}&report_type=comparative&entity_id={SLOW}&entity_id={FAST}&metrics=execution_time",
    "task": f"{PERFORMANCE}?time_range=all&report_type=task&entity_id=task-now-slow-0&entity_id=task-unknown",
    "quality": f"{QUALITY}?{DAY}",
    "repository": f"{QUALITY}?{DAY}&entity_type=repository&entity_id={REPOSITORY}",
    "task_quality": f"{QUALITY}?time_range=all&entity_type=task&entity_id=task-now-slow-0",
    "analytics": f"/v1/analytics?{DAY}&entity_type=worker&entity_id={FAST}"
    "&analytics_type=performance&analytics_type=resource",
    "task_analytics": "/v1/analytics?time_range=all&entity_type=task&entity_id=task-now-slow-0&entity_id=task-unknown",
    "no_task": "/v1/analytics?time_range=all&entity_type=task&entity_id=task-unknown",
    "models": f"/v1/analytics?{DAY}&entity_type=model",
    "decisions": f"{DECISIONS}?{DAY}&include_reasoning=true&limit=5",
    "task_decisions": f"{DECISIONS}?time_range=all&task_id=task-now-fast-0",
    "errors": f"{ERRORS}?{DAY}&include_recovery=true",
    "worker_errors": f"{ERRORS}?{DAY}&worker_id={FAST}&severity_filter=warning",
    "first_errors": f"{ERRORS}?{DAY}&limit=1",
    "wrong_range": f"{PERFORMANCE}?time_range=last_fortnight",
    "wrong_metric": f"{QUALITY}?metrics=beauty",
    "wrong_id": f"{PERFORMANCE}?report_type=system&entity_id=fast",
}


@dataclass(frozen=True)
class Answers:
    """A story, and what the reports say of it."""

    story: Story
    now: datetime
    responses: dict[str, httpx.Response]

    def __getitem__(self, name: str) -> Any:
        response = self.responses[name]
        assert response.status_code == 200, response.text
        return response.json()

    @property
    def today(self) -> list[Run]:
        """Runs of the last 24 hours."""
        return self.story.of(self.now - timedelta(hours=24))

    @property
    def yesterday(self) -> list[Run]:
        """Runs of the 24 hours before."""
        return self.story.of(self.now - timedelta(hours=48), until=self.now - timedelta(hours=24))


@pytest.fixture(scope="module")
def answers(postgres: TestPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """One service for all tests of this file: the story is told to it, and everything is asked once."""
    folder = tmp_path_factory.mktemp("reports")
    nats, redis, database = TestNats(folder / "nats"), TestRedis(folder / "redis"), postgres.create()
    nats.start()
    redis.start()
    environment = database.env("analytics") | nats.env() | redis.env()
    settings = Settings.model_validate({name.lower(): value for name, value in environment.items()})
    yield run(_ask(nats, settings))
    redis.stop()
    nats.stop()
    postgres.drop(database)


async def _ask(nats: TestNats, settings: Settings) -> Answers:
    now = SystemClock().now()
    story = tell(now)
    async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client, a_bus(nats) as bus:
        producer = Producer(bus)
        await producer.tell(*story.news)
        await producer.send(*story.events)
        await settled(bus, streams.EVENTS, "analytics-query-events")
        await settled(bus, streams.TELEMETRY, "analytics-query")
        return Answers(story, now, {name: await client.get(path) for name, path in ASKED.items()})


def figure(figures: list[Any], name: str) -> Any:
    return next(one for one in figures if one["name"] == name)


def section(report: Any, name: str) -> Any:
    return next(one for one in report["sections"] if one["name"] == name)


def row(found: Any, entity_id: str) -> Any:
    return next(one for one in found["rows"] if one["entity_id"] == entity_id)


def lower(values: list[float], q: float) -> float:
    """The quantile as the sketch defines it: the value at rank q·(n − 1), rounded down."""
    return sorted(values)[floor(q * (len(values) - 1))]


def near(value: float) -> Any:
    return pytest.approx(value, rel=0.011)


def lasted(runs: list[Run], worker_id: str | None = None) -> list[float]:
    return [float(run.lasted_ms) for run in runs if worker_id in (None, run.worker_id)]


def test_tasks_are_counted_and_timed(answers: Answers) -> None:
    found = section(answers["system"], "tasks")["figures"]
    times = lasted(answers.today)
    assert figure(found, "tasks_finished")["value"] == len(answers.today) == 2 * EACH
    done = sum(run.end == "completed" for run in answers.today)
    rate = figure(found, "completion_rate")
    assert rate["value"] == pytest.approx(100 * done / len(answers.today))
    assert rate["low"] < rate["value"] < rate["high"]
    assert (rate["baseline"], rate["samples"], rate["better"]) == (100, 2 * EACH, "higher")
    assert figure(found, "execution_time_mean")["value"] == pytest.approx(np.mean(times), rel=1e-5)
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        told = figure(found, f"execution_time_{name}")
        assert told["value"] == near(lower(times, q))
        assert told["baseline"] == near(lower(lasted(answers.yesterday), q))
    waits = [float(run.waited_ms) for run in answers.today]
    assert figure(found, "queue_wait_p50")["value"] == near(lower(waits, 0.5))


def test_the_system_tells_its_queue_and_its_network(answers: Answers) -> None:
    found = section(answers["system"], "system")["figures"]
    assert figure(found, "queue_depth")["value"] == answers.story.depths[0]
    assert figure(found, "queue_depth_mean")["value"] == pytest.approx(np.mean(answers.story.depths), rel=1e-5)
    assert figure(found, "network_latency_p95")["value"] == near(lower(answers.story.round_trips, 0.95))
    assert figure(found, "fleet_utilization")["value"] == 75
    series = section(answers["system"], "system")["series"]
    told = next(one for one in series if one["name"] == "throughput")
    assert sum(point["samples"] for point in told["points"]) == sum(run.end == "completed" for run in answers.today)


def test_workers_are_told_apart(answers: Answers) -> None:
    found = section(answers["system"], "workers")
    for worker_id, success in ((FAST, 100.0), (SLOW, 50.0)):
        mine = row(found, worker_id)["figures"]
        assert figure(mine, "success_rate")["value"] == success
        assert figure(mine, "worker_execution_time_p50")["value"] == near(lower(lasted(answers.today, worker_id), 0.5))
        replied = [answers.story.replied_ms(run) for run in answers.today if run.worker_id == worker_id]
        assert figure(mine, "response_time_p50")["value"] == near(lower(replied, 0.5))


def test_what_has_become_worse_is_found_and_nothing_else(answers: Answers) -> None:
    found = section(answers["system"], "regressions")["findings"]
    told = {(one["kind"], one["entity_type"], one["metric"]) for one in found}
    assert told == {
        ("regression", "task_class", "success_rate"),
        ("regression", "task_class", "execution_time_p50"),
        ("regression", "repository", "line_coverage"),
        ("regression", "repository", "test_pass_rate"),
    }
    coverage = next(one for one in found if one["metric"] == "line_coverage")
    assert (coverage["entity_id"], coverage["effect_measure"], coverage["effect"]) == (REPOSITORY, "cliffs_delta", -1)
    assert coverage["p_value"] < 0.001
    assert coverage["evidence"] == "observed"
    assert any("line coverage is worse" in line for line in answers["system"]["summary"])


def test_the_summary_begins_with_how_the_tasks_ended(answers: Answers) -> None:
    first, second, *_ = answers["system"]["summary"]
    assert first.startswith("30 of 40 tasks completed (75 %")
    assert "down from 100 % in the time before" in first
    assert second.startswith("Half of the attempts took up to")


def test_a_worker_is_compared_with_the_others(answers: Answers) -> None:
    found = section(answers["worker"], "against_others")["findings"]
    times = next(one for one in found if one["metric"] == "execution_time_p50")
    mine = [float(one.lasted_ms) for one in answers.today if one.worker_id == SLOW and one.end == "completed"]
    others = [float(one.lasted_ms) for one in answers.today if one.worker_id == FAST]
    pairs = np.sign(np.subtract.outer(mine, others))
    assert times["effect"] == pytest.approx(pairs.mean(), abs=0.02)
    assert times["samples"] == len(mine) + len(others)
    assert "slow is worse than all other workers in time of completed attempts" in times["text"]
    assert next(one for one in found if one["metric"] == "success_rate")["effect"] == -50


def test_a_pair_is_compared_with_each_other(answers: Answers) -> None:
    found = answers["pair"]["sections"][0]["findings"]
    assert [one["metric"] for one in found] == ["execution_time_p50"]
    assert "slow is worse than fast" in found[0]["text"]
    ranks = [(one["rank"], one["entity_id"]) for one in answers["comparative"]["sections"][0]["rows"]]
    assert sorted(name for _, name in ranks) == [FAST, SLOW]


def test_metrics_narrow_a_report(answers: Answers) -> None:
    named = {one["name"] for part in answers["narrow"]["sections"] for one in part["figures"]}
    assert {"execution_time_p95", "queue_depth"} <= named
    assert not named & {"completion_rate", "network_latency_p95", "cost_total"}


def test_trust_is_the_lower_bound_of_claims_that_held(answers: Answers) -> None:
    found = section(answers["system"], "trust")
    held = [run.claim_holds for run in answers.today if run.worker_id == SLOW]
    score = figure(row(found, SLOW)["figures"], "trust_score")
    n, p, z = len(held), np.mean(held), 1.959964
    wilson = (p + z * z / 2 / n - z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n)) / (1 + z * z / n)
    assert score["value"] == pytest.approx(100 * wilson, rel=1e-4)
    kinds = {one["entity_type"] for one in found["rows"]}
    assert kinds == {"worker", "agent", "model"}
    told = [one for one in found["findings"] if one.get("entity_type") == "task"]
    assert len(told) == sum(not run.claim_holds for run in answers.today)


def test_cost_and_memory_are_what_was_observed(answers: Answers) -> None:
    found = section(answers["system"], "resources")["figures"]
    cost = figure(found, "cost_total")
    assert cost["value"] == pytest.approx(sum(run.cost_usd for run in answers.today), rel=1e-5)
    assert (cost["evidence"], cost["samples"]) == ("observed", len(answers.today))
    peaks = [run.memory_mb for run in answers.today]
    assert figure(found, "memory_peak_p95")["value"] == near(lower(peaks, 0.95))
    assert figure(found, "tokens_input")["value"] == 1_000 * len(answers.today)


def test_questions_and_the_budget_are_told(answers: Answers) -> None:
    found = section(answers["system"], "questions")["figures"]
    assert figure(found, "auto_answer_rate")["value"] == 25
    assert figure(found, "answer_time_p50")["value"] == near(lower([*map(float, answers.story.answers_ms)], 0.5))
    burned = figure(section(answers["system"], "error_budget")["figures"], "error_budget_burned")
    failed = sum(run.end == "failed" for run in answers.today)
    assert burned["value"] == pytest.approx(100 * failed / (0.05 * len(answers.today)))


def test_a_task_is_told_from_its_documents(answers: Answers) -> None:
    report = answers["task"]
    [run_of] = [one for one in answers.story.runs if one.task_id == "task-now-slow-0"]
    attempt = section(report, "task")["rows"][0]
    assert figure(attempt["figures"], "attempt_execution_time")["value"] == pytest.approx(run_of.lasted_ms, rel=1e-5)
    completed = [one.lasted_ms for one in answers.story.runs if one.end == "completed"]
    share = 100 * np.mean(np.array(completed) <= run_of.lasted_ms)
    assert figure(attempt["figures"], "class_percentile")["value"] == pytest.approx(share, abs=5)
    phases = {one["entity_id"].split(" ")[1]: one["figures"][0]["value"] for one in section(report, "phases")["rows"]}
    assert phases["analysis"] == pytest.approx(0.3 * run_of.lasted_ms, rel=0.01)
    assert any("it says that all tests pass" in one["text"] for one in section(report, "task")["findings"])
    assert any("Nothing is known of task-unknown" in line for line in report["summary"])
    assert answers["no_task"]["summary"] == ["Nothing is known of task-unknown."]
    said = answers["task_analytics"]["summary"]
    assert said == ["1 task with 1 attempt, of which 1 ended.", "Nothing is known of task-unknown."]
    assert f"{REPOSITORY} / {CLASS}" in section(report, "task")["notes"][0]


def test_quality_tells_coverage_tests_and_where_they_go(answers: Answers) -> None:
    for name in ("quality", "repository"):
        found = section(answers[name], "quality")["figures"]
        coverage = figure(found, "line_coverage")
        assert coverage["value"] == pytest.approx(np.mean([run.coverage for run in answers.today]), rel=1e-5)
        assert coverage["baseline"] == pytest.approx(np.mean([run.coverage for run in answers.yesterday]), rel=1e-5)
        assert figure(found, "test_pass_rate")["value"] == 95
        assert figure(found, "line_coverage_trend")["samples"] >= 5
    assert any(one["kind"] == "regression" for one in section(answers["repository"], "regressions")["findings"])
    newest = max(answers.today, key=lambda one: one.assigned_at)
    told = figure(section(answers["repository"], "quality")["figures"], "line_coverage_newest")["value"]
    assert told in {one.coverage for one in answers.today if one.created_at == newest.created_at}
    [one] = [one for one in answers.story.runs if one.task_id == "task-now-slow-0"]
    assert figure(section(answers["task_quality"], "quality")["figures"], "line_coverage")["value"] == one.coverage


def test_analytics_are_told_of_any_kind_of_entity(answers: Answers) -> None:
    found = section(answers["analytics"], "performance")["figures"]
    assert figure(found, "success_rate")["value"] == 100
    assert {one["name"] for one in answers["analytics"]["sections"]} == {"performance", "resource"}
    assert section(answers["models"], "performance")["figures"]


def test_errors_are_told_in_groups_with_what_helped(answers: Answers) -> None:
    report = answers["errors"]
    first, second = report["groups"]
    tried, worked = (sum(one[place] for one in STRATEGIES.values()) for place in (0, 1))
    assert (first["error_type"], first["count"], first["is_new"]) == ("TypeError", tried, True)
    assert (first["recoveries_tried"], first["recoveries_successful"]) == (tried, worked)
    assert (second["error_type"], second["count"], second["is_new"]) == ("timeout", 4, False)
    assert {one["strategy"]: (one["tried"], one["successful"]) for one in report["strategies"]} == STRATEGIES
    assert {one["strategy"]: one["rate"]["value"] for one in first["strategies"]} == {
        name: pytest.approx(100 * successful / times, rel=1e-5) for name, (times, successful) in STRATEGIES.items()
    }
    assert (report["total"], report["by_severity"]) == (tried + 4, {"error": tried, "warning": 4})
    assert report["by_type"] == {"TypeError": tried, "timeout": 4}
    assert sum(point["value"] for point in first["trend"]) == tried
    assert set(first["workers"]) == {FAST, SLOW}
    assert report["budget"]["failed"] == sum(run.end == "failed" for run in answers.today)
    [of_worker] = answers["worker_errors"]["groups"]
    assert (of_worker["error_type"], of_worker["count"], answers["worker_errors"]["total"]) == ("timeout", 2, 2)
    assert len(answers["first_errors"]["groups"]) == 1
    assert answers["first_errors"]["next_cursor"]


def test_decisions_are_told_with_how_their_attempts_ended(answers: Answers) -> None:
    report = answers["decisions"]
    [pattern] = report["patterns"]
    with_it = [run for run in answers.today if run.decision]
    others = [run for run in answers.today if not run.decision]
    assert (pattern["count"], pattern["attempts"], pattern["reversals"]) == (len(with_it) + 1, len(with_it), 1)
    done = np.mean([run.end == "completed" for run in with_it])
    assert pattern["success"]["value"] == pytest.approx(100 * done, rel=1e-5)
    assert pattern["others_success"]["samples"] == len(others)
    assert len(report["decisions"]) == 5
    assert report["next_cursor"]
    assert all("reasoning" in one for one in report["decisions"])
    later, earlier = answers["task_decisions"]["decisions"]
    assert later["reverses"] == earlier["event_id"]
    assert later["outcome"] == "completed"
    assert "reasoning" not in later


def test_a_repeated_question_is_answered_from_the_cache(answers: Answers) -> None:
    first, again = answers["system"], answers["again"]
    assert (first["standing"]["cached"], again["standing"]["cached"]) == (False, True)
    assert first["sections"] == again["sections"]


def test_what_cannot_be_asked_is_refused_with_what_can(answers: Answers) -> None:
    wrong_range, wrong_metric, wrong_id = (
        answers.responses[name] for name in ("wrong_range", "wrong_metric", "wrong_id")
    )
    assert (wrong_range.status_code, wrong_range.json()["code"]) == (422, "invalid_time_range")
    [error] = wrong_range.json()["errors"]
    assert error["field"] == "time_range"
    assert "last_7_days" in error["allowed"]
    assert "coverage" in wrong_metric.json()["errors"][0]["allowed"]
    assert wrong_id.json()["errors"][0]["field"] == "entity_id"


def test_times_are_in_utc_and_whole_minutes(answers: Answers) -> None:
    since, until = (datetime.fromisoformat(answers["system"][name]) for name in ("since", "until"))
    assert (since.second, until.second, since.utcoffset()) == (0, 0, UTC.utcoffset(None))
