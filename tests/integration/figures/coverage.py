"""How much of the code the tests reach: newest of each attempt, what it has changed, and where it goes."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from tests.integration.figures.entries import (
    HOUR_MS,
    LEVELS,
    NOTHING,
    Entry,
    Expected,
    Figure,
    Metric,
    Window,
    entries,
    mean,
    newest,
    values,
)
from tests.integration.figures.world import Attempt, Json, Scope, World

WHOLE = {"", ".", "./", "/"}
LINE, BRANCH = ("line_coverage_percent", "line_coverage"), ("branch_coverage_percent", "branch_coverage")
TOTALS = {"test": ("coverage_percent", "test_coverage"), "quality": ("test_coverage", "coverage_percent")}
WEEK_H = 7 * 24


class Told(NamedTuple):
    """A value at a place of an attempt."""

    seq: int
    at: int
    value: float


def number_in(data: Json, *names: str) -> float | None:
    """The first of these that is a number, and no absurd one."""
    for name in names:
        value = data.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e12:
            return value
    return None


def _in_json(data: Json, *names: str) -> float | None:
    value = number_in(data, *names)
    return value if value is not None and 0 <= value <= 100 else None


def _said(one: Json) -> Iterator[tuple[str, str, float | None]]:
    """What a report says: level of evidence, line, branch or total, and how many percent."""
    kind, body, level = one["kind"], one["body"], one["evidence"]
    if kind == "coverage":
        yield from ((level, "line", body["line_percent"]), (level, "branch", body.get("branch_percent")))
    elif kind == "tests":
        results = body["results"]
        yield from ((level, "line", results.get(LINE[0])), (level, "branch", results.get(BRANCH[0])))
    elif kind == "analytics" and body["analytics_type"] in TOTALS:
        data, totals = body["data"], TOTALS[body["analytics_type"]]
        found = (("line", LINE), ("branch", BRANCH), ("total", totals))
        yield from ((level, what, _in_json(data, *names)) for what, names in found)
    elif kind == "quality" and body["file_path"] in WHOLE:
        yield level, "total", body.get("metrics", {}).get("test_coverage")
    elif kind == "outcome":
        for seen in ("observed", "verified"):
            yield from _in_files(seen, (body.get(seen) or {}).get("coverage") or [])


def _in_files(level: str, files: list[Json]) -> Iterator[tuple[str, str, float | None]]:
    branches = [one["branch_percent"] for one in files if one.get("branch_percent") is not None]
    if files:
        yield level, "line", float(np.mean([one["line_percent"] for one in files]))
        yield level, "branch", float(np.mean(branches)) if branches else None


def course(attempt: Attempt, what: str, level: str) -> list[Told]:
    """What was measured, in order; without a word on lines the total stands for them."""
    found: dict[str, list[Told]] = {"line": [], "branch": [], "total": []}
    for one in attempt.reports:
        for evidence, name, value in _said(one):
            if evidence == level and value is not None:
                found[name].append(Told(one["seq"], one["ms"], value))
    return found[what] or (found["total"] if what == "line" else [])


def measured(what: str) -> Metric:
    """The newest of each attempt."""

    def metric(world: World) -> Iterator[Entry]:
        for attempt in world.attempts:
            for level in LEVELS:
                if told := course(attempt, what, level):
                    at = told[-1].at if attempt.ended is None else attempt.ended
                    yield Entry(at, attempt.groups, told[-1].value, level)

    return metric


def standing(what: str) -> Metric:
    """The same as it stands: at the attempt's assignment."""

    def metric(world: World) -> Iterator[Entry]:
        for attempt in world.attempts:
            for level in LEVELS if attempt.assigned is not None else ():
                if told := course(attempt, what, level):
                    yield stands(attempt, told[-1].value, level)

    return metric


def stands(attempt: Attempt, value: float, level: str) -> Entry:
    """A newest value of an attempt."""
    assert attempt.assigned is not None
    source = f"{attempt.task_id}/{attempt.number}"
    return Entry(attempt.assigned, attempt.unchanging, value, level, source)


def change(world: World) -> Iterator[Entry]:
    """Newest less first, of attempts that measured it more than once."""
    for attempt in world.attempts:
        for level in LEVELS:
            told = course(attempt, "line", level)
            if told and told[0].seq < told[-1].seq:
                at = told[-1].at if attempt.ended is None else attempt.ended
                yield Entry(at, attempt.groups, told[-1].value - told[0].value, level)


def trend(metric: Metric) -> Figure:
    """The median slope between the means of all hours, for each week."""

    def figure(world: World, scope: Scope, window: Window, evidence: str | None) -> Expected:
        found = entries(world, metric, scope, window)
        level = next((name for name in LEVELS if any(one.evidence == name for one in found)), None)
        hours = sorted({one.at // HOUR_MS for one in found if one.evidence == level})
        if len(hours) < 5:
            return NOTHING
        means = [
            float(f"{np.mean(values((one for one in found if one.at // HOUR_MS == hour), level)):.6g}")
            for hour in hours
        ]
        slopes = [
            (there - here) / (later - sooner) * WEEK_H
            for (sooner, here), (later, there) in combinations(zip(hours, means, strict=True), 2)
        ]
        return Expected(float(np.median(slopes)), len(hours), level)

    return figure


LINES, BRANCHES = measured("line"), measured("branch")

FIGURES: dict[str, Figure] = {
    "line_coverage": mean(LINES),
    "branch_coverage": mean(BRANCHES),
    "line_coverage_change": mean(change),
    "line_coverage_newest": newest(standing("line")),
    "branch_coverage_newest": newest(standing("branch")),
    "line_coverage_trend": trend(LINES),
    "branch_coverage_trend": trend(BRANCHES),
}
