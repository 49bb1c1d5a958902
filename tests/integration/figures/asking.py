"""Telling a history to the real service, and what its reports say of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import orjson

from analytics_query import app
from analytics_query.domain.consumers import CONSUMERS
from analytics_query.settings import Settings
from servicekit.bus import Bus, Outgoing, publish_batches
from tests.integration.figures.entries import EVER, Window
from tests.integration.figures.history import SHAPE, UNTIL, FullHistory
from tests.integration.figures.world import SYSTEM, Json, Scope, World, world_of
from tests.support.buskit import a_bus
from tests.support.producer import settled
from tests.support.running import running_service
from tests.support.stack import TestNats
from tests.support.waiting import eventually

SINCE = UNTIL - timedelta(days=2)
WIDTHS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
KEEP_ALL = {"rollup_minute_days": 99_999, "rollup_hour_days": 99_999, "analytics_retention_days": 0}
"""What is told here happened long ago by the clock of the service."""
MANY = 200
TASKS = 12
LARGEST_ANSWER = 300


class Told(NamedTuple):
    """A figure of a report: which report, of what, when, and the figure itself. `point`: at one time of a series."""

    report: str
    scope: Scope
    window: Window
    figure: Json
    is_point: bool = False
    is_task: bool = False


@dataclass(frozen=True)
class Answers:
    """A world, and what the reports say of it."""

    world: World
    reports: Mapping[str, Json]

    def figures(self) -> Iterator[Told]:
        """All figures of all reports."""
        for name, report in self.reports.items():
            if name == "decisions":
                yield from _of_decisions(report)
            elif name == "errors":
                yield from _of_errors(report)
            else:
                yield from _of_report(name, report)


def window() -> Window:
    """The time that is asked about."""
    return Window(SINCE.timestamp() * 1000, UNTIL.timestamp() * 1000)


def before() -> Window:
    """The time before."""
    since, until = window()
    return Window(2 * since - until, since)


def asked_of(world: World) -> dict[str, str]:
    """What is asked, by name: every kind of report, of everything that there is."""
    period = f"time_range={SINCE:%Y-%m-%dT%H:%MZ}/{UNTIL:%Y-%m-%dT%H:%MZ}"
    performance, quality, analytics = "/v1/reports/performance", "/v1/reports/quality", "/v1/analytics"
    paths = {
        "system": f"{performance}?{period}&limit={MANY}",
        "comparative": f"{performance}?{period}&report_type=comparative&limit={MANY}",
        "quality": f"{quality}?{period}",
        "analytics": f"{analytics}?{period}",
        "decisions": f"/v1/reports/decisions?{period}",
        "errors": f"/v1/reports/errors?{period}&include_recovery=true&limit={MANY}",
    }
    for kind, entity in sorted({scope for attempt in world.attempts for scope in attempt.groups}):
        if kind == "worker":
            paths[f"worker {entity}"] = f"{performance}?{period}&report_type=worker&entity_id={entity}"
        if kind in {"worker", "repository", "agent", "model"}:
            about = f"{period}&entity_type={kind}&entity_id={entity}"
            paths |= {f"quality of {entity}": f"{quality}?{about}", f"analytics of {entity}": f"{analytics}?{about}"}
    for task in sorted({attempt.task_id for attempt in world.attempts if attempt.about})[:: len(world.tasks) // TASKS]:
        paths[f"task {task}"] = f"{performance}?{period}&report_type=task&entity_id={task}"
        paths[f"quality of {task}"] = f"{quality}?{period}&entity_type=task&entity_id={task}"
    return paths


async def answers(nats: TestNats, environment: Mapping[str, str]) -> Answers:
    """Tell everything, wait until it is projected, and ask everything."""
    settings = Settings.model_validate({name.lower(): value for name, value in environment.items()} | KEEP_ALL)
    batches = list(FullHistory(SHAPE).batches())
    messages = [Outgoing(one.subject, f"{one.producer}.{one.number}", one.payload()) for one in batches]
    read = [
        (one.is_news, orjson.loads(message.payload)["events"]) for one, message in zip(batches, messages, strict=True)
    ]
    world = world_of(
        *([event for is_news, events in read if is_news is news for event in events] for news in (False, True))
    )
    async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client, a_bus(nats) as bus:
        await _publish(bus, messages)
        return Answers(world, {name: await _ask(client, path) for name, path in asked_of(world).items()})


async def _publish(bus: Bus, messages: list[Outgoing]) -> None:
    await bus.wait_ready()

    async def stored() -> bool:
        return all(await publish_batches(bus, messages))

    await eventually(stored)
    for stream, consumer in CONSUMERS.items():
        await settled(bus, stream, consumer)


async def _ask(client: httpx.AsyncClient, path: str) -> Json:
    response = await client.get(path)
    assert response.status_code == 200, response.text[:LARGEST_ANSWER]
    return response.json()


def _of_report(name: str, report: Json) -> Iterator[Told]:
    ids = report["entity_ids"]
    whole: Scope = (report["entity_type"], ids[0]) if len(ids) == 1 else SYSTEM
    of_task = whole[0] == "task"
    # Documents of tasks are counted whole; what they are compared with is of the time that was asked for.
    for section in report["sections"]:
        for figure in section.get("figures", []):
            yield Told(name, whole, EVER if of_task else window(), figure, is_task=of_task)
        for row in section.get("rows", []):
            for figure in row["figures"]:
                compared = figure["name"] in {"class_percentile", "phase_usual"}
                span = window() if compared or not of_task else EVER
                yield Told(name, (row["entity_type"], row["entity_id"]), span, figure, is_task=of_task)
        for series in section.get("series", []):
            yield from _of_series(name, whole, series)


def _of_series(name: str, scope: Scope, series: Json) -> Iterator[Told]:
    for point in series["points"]:
        at = datetime.fromisoformat(point["at"]).astimezone(UTC).timestamp() * 1000
        figure: dict[str, Any] = {"name": series["name"], "unit": series["unit"], "evidence": series.get("evidence")}
        span = Window(at, at + WIDTHS[series["resolution"]])
        yield Told(f"{name}, series", scope, span, figure | point, is_point=True)


def _of_decisions(report: Json) -> Iterator[Told]:
    for pattern in report["patterns"]:
        for figure in (pattern["success"], pattern["others_success"]):
            yield Told("decisions", ("decision", pattern["decision_type"]), window(), figure)


def _of_errors(report: Json) -> Iterator[Told]:
    for outcome in report["strategies"]:
        yield Told("errors", ("strategy", outcome["strategy"]), window(), outcome["rate"])
    for group in report["groups"]:
        for outcome in group.get("strategies", []):
            scope = ("recovery", f"{group['error_type']} / {outcome['strategy']}")
            yield Told("errors", scope, window(), outcome["rate"])
