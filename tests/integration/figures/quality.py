"""How good the code is: of the whole project where a report tells it, else over its files."""

from collections.abc import Iterator

import numpy as np

from tests.integration.figures.coverage import WHOLE, number_in, stands, trend
from tests.integration.figures.entries import LEVELS, Entry, Figure, Metric, mean, newest, quantile, total
from tests.integration.figures.world import Attempt, Json, World

IN_REPORT = {
    "cyclomatic": "cyclomatic_complexity",
    "max_cyclomatic": "max_cyclomatic_complexity",
    "cognitive": "cognitive_complexity",
    "maintainability": "maintainability_index",
    "duplication": "duplication_percent",
    "lines": "lines_of_code",
}
IN_ANALYTICS = {
    "cyclomatic": ("complexity_score", "cyclomatic_complexity"),
    "max_cyclomatic": ("max_complexity", "max_cyclomatic_complexity"),
    "cognitive": ("cognitive_complexity",),
    "maintainability": ("maintainability_index",),
    "duplication": ("duplication_percent",),
    "lines": ("lines_of_code", "loc"),
}
OVER_FILES = {"max_cyclomatic": np.max, "cognitive": np.sum, "lines": np.sum}
"""Of all others the mean."""
SEVERE = {"critical", "high"}


def _of_analytics(one: Json, what: str) -> float | None:
    kind, data = one["body"]["analytics_type"], one["body"]["data"]
    if kind == "quality" or (kind == "code" and what == "lines"):
        return number_in(data, *IN_ANALYTICS[what])
    return None


def _whole(attempt: Attempt, what: str, level: str) -> list[float]:
    """What was said of the whole project, in order."""
    told: list[float | None] = []
    for one in attempt.of("quality", "analytics"):
        if one["evidence"] != level:
            continue
        if one["kind"] == "analytics":
            told.append(_of_analytics(one, what))
        elif one["body"]["file_path"] in WHOLE:
            told.append(one["body"].get("metrics", {}).get(IN_REPORT[what]))
    return [value for value in told if value is not None]


def of_attempt(attempt: Attempt, what: str, level: str) -> float | None:
    """In what an attempt ended."""
    if whole := _whole(attempt, what, level):
        return whole[-1]
    files: dict[str, float] = {}
    for one in attempt.of("quality"):
        value = one["body"].get("metrics", {}).get(IN_REPORT[what])
        if one["evidence"] == level and one["body"]["file_path"] not in WHOLE and value is not None:
            files[one["body"]["file_path"]] = value
    return float(OVER_FILES.get(what, np.mean)(list(files.values()))) if files else None


def newest_at(attempt: Attempt) -> int | None:
    """When the newest report on quality was made."""
    said = [one["ms"] for one in attempt.of("quality")]
    for one in attempt.of("analytics"):
        if any(_of_analytics(one, what) is not None for what in IN_REPORT):
            said.append(one["ms"])
    return max(said, default=None)


def figure_of(what: str) -> Metric:
    """In what each attempt ended."""

    def metric(world: World) -> Iterator[Entry]:
        for attempt in world.attempts:
            at = attempt.at(newest_at(attempt))
            for level in LEVELS if at is not None else ():
                if (value := of_attempt(attempt, what, level)) is not None:
                    assert at is not None
                    yield Entry(at, attempt.groups, value, level)

    return metric


def standing(what: str) -> Metric:
    """The same as it stands."""

    def metric(world: World) -> Iterator[Entry]:
        for attempt in world.attempts:
            for level in LEVELS if attempt.assigned is not None else ():
                if (value := of_attempt(attempt, what, level)) is not None:
                    yield stands(attempt, value, level)

    return metric


def issues(world: World) -> Iterator[Entry]:
    """Issues in all reports."""
    for attempt in world.attempts:
        at = attempt.at(newest_at(attempt))
        for one in attempt.of("quality"):
            assert at is not None
            yield Entry(at, attempt.groups, len(one["body"].get("issues", [])), one["evidence"])


def severe(attempt: Attempt, level: str) -> int:
    """Of each file the most that are at least high in one report."""
    worst: dict[str, int] = {}
    for one in attempt.of("quality"):
        path = "." if one["body"]["file_path"] in WHOLE else one["body"]["file_path"]
        many = sum(issue.get("severity", "medium") in SEVERE for issue in one["body"].get("issues", []))
        if one["evidence"] == level:
            worst[path] = max(many, worst.get(path, 0))
    return sum(worst.values())


FIGURES: dict[str, Figure] = {
    "cyclomatic_complexity": mean(figure_of("cyclomatic")),
    "max_cyclomatic_complexity_p95": quantile(figure_of("max_cyclomatic"), 0.95),
    "cognitive_complexity": mean(figure_of("cognitive")),
    "maintainability_index": mean(figure_of("maintainability")),
    "duplication": mean(figure_of("duplication")),
    "quality_issues": total(issues),
    "cyclomatic_complexity_newest": newest(standing("cyclomatic")),
    "max_cyclomatic_complexity": newest(standing("max_cyclomatic")),
    "cognitive_complexity_newest": newest(standing("cognitive")),
    "maintainability_index_newest": newest(standing("maintainability")),
    "lines_of_code": newest(standing("lines")),
    "cyclomatic_complexity_trend": trend(figure_of("cyclomatic")),
    "cognitive_complexity_trend": trend(figure_of("cognitive")),
    "maintainability_index_trend": trend(figure_of("maintainability")),
}
