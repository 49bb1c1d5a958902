"""Answers that must not contradict themselves: filters, short ranges, long lists and comparisons, on PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics_query import app
from analytics_query.decisions.reports.asked import Asked
from analytics_query.decisions.time_ranges import time_range
from analytics_query.errors import InvalidInput
from analytics_query.handlers.analyses import FILTERS, analyze_decisions, analyze_errors
from analytics_query.handlers.gathering import Sources
from analytics_query.handlers.projecting import Projector
from analytics_query.handlers.reports import analytics_report, performance_report
from analytics_query.store import (
    PLANNER,
    PostgresDocuments,
    PostgresProjections,
    PostgresRecords,
    PostgresRollups,
    PostgresSums,
)
from contracts.analytics import AnalyticsReport, DecisionAnalysis, EntityType, ErrorAnalysis, ErrorGroup, ReportType
from contracts.decided import DecidedEvent, DecidedKind
from servicekit.ids import new_event_id
from servicekit.migrations import run_migrations
from servicekit.pg import Database as Pg
from tests.support.examples import MINIMAL, event
from tests.support.histories import Item, seal
from tests.support.projecting import project
from tests.support.schema import settings_of
from tests.support.stack import Database, TestPostgres, run

NOW = datetime(2026, 11, 18, 14, 37, tzinfo=UTC)
EARLIER, LATELY = NOW - timedelta(minutes=30), NOW - timedelta(minutes=5)
"""Both in the hour of `NOW`, and one of them in its last 15 minutes."""
LONG_AGO = NOW - timedelta(days=3)
WORKERS = [f"w{number:02}" for number in range(25)]
SHORT, DAY = "last_15_minutes", "last_24_hours"
ERRORS: dict[str, dict[str, Any]] = {
    "all": {},
    "critical": {"severities": ("critical",)},
    "warning": {"severities": ("warning",)},
    "worker": {"worker_id": "w02"},
    "task": {"task_id": "task-w02"},
    "type": {"error_type": "Boom", "include_recovery": True},
    "short": {"time_range": SHORT},
}


class Telling:
    """Events and news, each in a batch of its own, and numbered as they are told."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def attempt(self, worker_id: str, repository: str, agent: str) -> None:
        about: dict[str, Any] = {"task_id": f"task-{worker_id}", "attempt": 1, "worker_id": worker_id}
        data: dict[str, Any] = {"repository": repository, "agent": agent}
        for kind, at in ((DecidedKind.task_assigned, LONG_AGO), (DecidedKind.task_completed, LATELY)):
            self.items.append(DecidedEvent(event_id=new_event_id(), kind=kind, occurred_at=at, data=data, **about))

    def report(self, kind: str, worker_id: str, at: datetime, **body: Any) -> None:
        envelope = {"task_id": f"task-{worker_id}", "worker_id": worker_id, "seq": len(self.items), "occurred_at": at}
        self.items.append(event(kind, MINIMAL[kind] | body, event_id=new_event_id(), **envelope))

    def error(self, error_type: str, severity: str, worker_id: str, at: datetime) -> None:
        self.report("error", worker_id, at, error_type=error_type, message="it broke", severity=severity)


def story() -> list[Item]:
    telling = Telling()
    for number, worker_id in enumerate(WORKERS):
        telling.attempt(worker_id, f"repository-{number % 2}", f"agent-{number % 2}")
    telling.error("Boom", "warning", "w00", EARLIER)
    for second in range(5):
        telling.error("Boom", "critical", "w01", EARLIER + timedelta(seconds=second + 1))
    telling.error("Late", "info", "w00", LATELY)
    for worker_id, at, times in (("w02", LONG_AGO, 4), ("w02", EARLIER, 2), ("w03", EARLIER, 3)):
        for _ in range(times):
            telling.error("Old", "error", worker_id, at)
    telling.report("recovery", "w01", LATELY, error_type="Boom", strategy="retry", successful=True)
    telling.report("recovery", "w03", LATELY, error_type="Old", strategy="restart", successful=True)
    for at in (EARLIER, LATELY):
        telling.report("decision", "w00", at, decision_type="technical", chosen_option="a")
    return telling.items


class Answers:
    """What was asked of the story, once for all tests."""

    def __init__(self) -> None:
        self.errors: dict[str, ErrorAnalysis] = {}
        self.decisions: DecisionAnalysis
        self.reports: dict[str, AnalyticsReport] = {}
        self.refusals: dict[str, InvalidInput] = {}


@pytest.fixture(scope="module")
def answers(postgres: TestPostgres) -> Iterator[Answers]:
    database = postgres.create()
    yield run(_ask(database))
    postgres.drop(database)


async def _ask(database: Database) -> Answers:
    settings = settings_of(database, app.SCHEMA)
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings)
    pg = await Pg.connect(settings, app.SCHEMA, planner=PLANNER)
    batches = [seal([item], number) for number, item in enumerate(story(), 1)]
    await project(Projector(PostgresProjections(pg)), batches)
    documents, answers = PostgresDocuments(pg), Answers()
    sources = Sources(PostgresSums(pg, 0), PostgresRollups(pg), documents, PostgresRecords(pg))
    about = (NOW, await documents.position(), sources)
    for name, given in ERRORS.items():
        more: dict[str, Any] = {**dict.fromkeys(FILTERS), "severities": (), "include_recovery": False} | given
        period = time_range(more.pop("time_range", DAY), NOW)
        asked = Asked("errors", period, more=tuple(more.items()))
        answers.errors[name] = await analyze_errors(asked, None, *about, 99.0)
    reasons = (("task_id", None), ("decision_type", None), ("include_reasoning", False))
    answers.decisions = await analyze_decisions(Asked("decisions", time_range(SHORT, NOW), more=reasons), None, *about)
    day = time_range(DAY, NOW)
    for limit in (20, 500):
        asked = Asked("performance", day, EntityType.worker, limit=limit, report_type=ReportType.comparative)
        answers.reports[f"comparative {limit}"] = await performance_report(asked, *about, 99.0)
        system = Asked("performance", day, limit=limit, report_type=ReportType.system)
        answers.reports[f"system {limit}"] = await performance_report(system, *about, 99.0)
    answers.reports["analytics"] = await analytics_report(Asked("analytics", day, EntityType.worker), *about)
    for ids in COMPARED:
        asked = Asked("performance", day, EntityType.worker, ids, report_type=ReportType.comparative)
        try:
            answers.reports[" ".join(ids)] = await performance_report(asked, *about, 99.0)
        except InvalidInput as error:
            answers.refusals[" ".join(ids)] = error
    await pg.close()
    return answers


COMPARED = (
    ("repository-0", "repository-1"),
    ("agent-1", "agent-0"),
    ("w00", "w01"),
    ("task-w00", "task-w01"),
    ("w00", "agent-1"),
    ("w00", "w99"),
)


def group(answers: Answers, asked: str, error_type: str) -> ErrorGroup:
    return next(one for one in answers.errors[asked].groups if one.error_type == error_type)


@pytest.mark.parametrize(("severity", "many"), [("critical", 5), ("warning", 1)])
def test_a_filter_by_severity_counts_the_errors_of_that_severity_alone(
    answers: Answers, severity: str, many: int
) -> None:
    found = answers.errors[severity]
    assert [(one.error_type, one.count, one.severity) for one in found.groups] == [("Boom", many, severity)]
    assert (found.total, found.by_severity, found.by_type) == (many, {severity: many}, {"Boom": many})
    assert sum(point.value for point in found.groups[0].trend) == many


def test_a_group_has_its_worst_severity_whichever_came_first(answers: Answers) -> None:
    assert group(answers, "all", "Boom").severity == "critical"
    assert answers.errors["all"].by_severity == {"critical": 5, "error": 5, "warning": 1, "info": 1}


def test_errors_of_a_worker_are_those_of_the_time(answers: Answers) -> None:
    found = answers.errors["worker"]
    assert (found.total, found.least, found.by_severity) == (2, None, {"error": 2})
    assert found.summary[0] == "2 errors in 1 group, against 0 in the time before."
    assert group(answers, "worker", "Old").count == 2
    assert not any("most that they can be" in note for note in found.notes)


def test_what_cannot_be_counted_for_a_time_is_told_as_the_range_that_it_is_in(answers: Answers) -> None:
    found = answers.errors["task"]
    assert found.summary[0].startswith("2 to 5 errors in at most 1 group; how many")
    assert (found.least, found.total) == (2, 5)
    assert "Old (2 to 5)" in found.summary[1]
    assert (found.by_severity, group(answers, "task", "Old").trend) == ({}, [])
    assert any("most that they can be" in note for note in found.notes)


def test_strategies_against_other_errors_are_not_told_of_one_type(answers: Answers) -> None:
    found = answers.errors["type"]
    assert found.strategies == []
    assert [one.strategy for one in group(answers, "type", "Boom").strategies] == ["retry"]
    assert any("strategies are told by group alone" in note for note in found.notes)


def test_a_short_range_is_counted_by_the_hour_throughout(answers: Answers) -> None:
    found, whole = answers.errors["short"], "Whole hours are counted: 2026-11-18 14:00 to 2026-11-18 15:00 UTC."
    assert found.total == sum(found.by_type.values()) == sum(one.count for one in found.groups) == 12
    assert whole in found.notes
    made = answers.decisions
    assert ([one.count for one in made.patterns], len(made.decisions), made.notes) == ([2], 2, [whole])


@pytest.mark.parametrize("report", ["comparative", "system"])
def test_as_many_are_listed_as_were_asked_for_and_a_note_tells_of_the_rest(answers: Answers, report: str) -> None:
    few, many = (
        next(one for one in answers.reports[f"{report} {limit}"].sections if one.name in {"comparison", "workers"})
        for limit in (20, 500)
    )
    assert (len(few.rows), len(many.rows)) == (20, 25)
    assert "5 more not shown; limit says how many are." in few.notes
    assert not any("not shown" in note for note in many.notes)


def test_analytics_tell_how_many_are_not_listed(answers: Answers) -> None:
    found = answers.reports["analytics"]
    assert {len(section.rows) for section in found.sections if section.name == "performance"} == {20}
    assert found.notes == ["5 more not shown; entity_id names those that are wanted."]


@pytest.mark.parametrize(
    ("ids", "kind"),
    [*zip(COMPARED[:3], (EntityType.repository, EntityType.agent, EntityType.worker), strict=True)],
)
def test_whatever_is_named_is_compared_with_its_like(answers: Answers, ids: tuple[str, ...], kind: EntityType) -> None:
    found = answers.reports[" ".join(ids)]
    assert found.entity_type is kind
    assert sorted(row.entity_id for row in found.sections[0].rows) == sorted(ids)


def test_tasks_are_told_side_by_side(answers: Answers) -> None:
    found = answers.reports["task-w00 task-w01"]
    assert found.entity_type is EntityType.task
    assert all(task_id in " ".join(found.summary) for task_id in found.entity_ids)


@pytest.mark.parametrize(
    ("ids", "told"),
    [("w00 agent-1", "of different kinds: w00 (worker) and agent-1 (agent)"), ("w00 w99", "nothing is known of w99")],
)
def test_what_is_not_of_one_kind_is_refused_with_what_can_be_compared(answers: Answers, ids: str, told: str) -> None:
    refusal = answers.refusals[ids]
    [error] = refusal.errors
    assert told in refusal.detail
    assert "entity_ids" in refusal.detail
    assert error.allowed == ["worker", "repository", "agent", "model", "task"]
