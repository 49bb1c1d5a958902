"""What scanners found, what the project depends on, and the rating of both performance and security."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from tests.integration.figures.coverage import number_in, stands
from tests.integration.figures.entries import (
    LEVELS,
    NOTHING,
    Entry,
    Expected,
    Figure,
    Metric,
    Window,
    entries,
    newest,
    total,
)
from tests.integration.figures.world import SYSTEM, Attempt, Json, Scope, World

SEVERITIES = ("critical", "high", "medium", "low", "info")
RATED = {"critical": 5, "high": 4, "medium": 3, "low": 2}


def _scans(attempt: Attempt, level: str | None = None) -> Iterator[tuple[Json, str, dict[str, int]]]:
    """Each scan with its scanner and how much it found, by severity."""
    for one in attempt.of("security_scan", "analytics"):
        if level not in (None, one["evidence"]):
            continue
        body, data = one["body"], one["body"].get("data", {})
        if one["kind"] == "security_scan":
            found = [finding.get("severity", "medium") for finding in body.get("findings", [])]
            yield one, body["scanner"].lower(), {name: found.count(name) for name in SEVERITIES}
        elif body["analytics_type"] == "security" and any(name in data for name in SEVERITIES):
            counts = {name: max(round(number_in(data, name) or 0), 0) for name in SEVERITIES}
            yield one, str(data.get("tool") or data.get("scanner") or "-").lower(), counts


def _declared(attempt: Attempt) -> list[Json]:
    return [one for one in attempt.of("analytics") if one["body"]["analytics_type"] == "dependency"]


def newest_at(attempt: Attempt) -> int | None:
    """When the newest report on security or dependencies was made."""
    said = [*(one for one, _, _ in _scans(attempt)), *_declared(attempt), *attempt.of("dependency_analysis")]
    return max((one["ms"] for one in said), default=None)


def severe(attempt: Attempt, level: str) -> int:
    """Of each scanner the most findings that are at least high in one scan."""
    worst: defaultdict[str, int] = defaultdict(int)
    for _, scanner, found in _scans(attempt, level):
        worst[scanner] = max(worst[scanner], found["critical"] + found["high"])
    return sum(worst.values())


def scans(world: World) -> Iterator[Entry]:
    """Scans of attempts."""
    for attempt in world.attempts:
        at = attempt.at(newest_at(attempt))
        for one, _, _ in _scans(attempt):
            assert at is not None
            yield Entry(at, attempt.groups, 1, one["evidence"])


def findings(severity: str) -> Metric:
    """The newest scan of each scanner, added up."""

    def metric(world: World) -> Iterator[Entry]:
        for attempt in world.attempts:
            for level in LEVELS if attempt.assigned is not None else ():
                by_scanner = {scanner: found for _, scanner, found in _scans(attempt, level)}
                if by_scanner:
                    yield stands(attempt, sum(found[severity] for found in by_scanner.values()), level)

    return metric


def dependencies(what: str) -> Metric:
    """The newest analysis of each ecosystem and manifest, added up; for want of any the newest analytics."""

    def metric(world: World) -> Iterator[Entry]:
        for attempt in world.attempts:
            for level in LEVELS if attempt.assigned is not None else ():
                analyses = [one["body"] for one in attempt.of("dependency_analysis") if one["evidence"] == level]
                known = {(one["ecosystem"].lower(), one.get("manifest") or ""): _listed(one)[what] for one in analyses}
                told = [one["body"]["data"] for one in _declared(attempt) if one["evidence"] == level]
                if known or told:
                    yield stands(attempt, sum(known.values()) if known else _in_json(told[-1])[what], level)

    return metric


def _listed(body: Json) -> dict[str, int]:
    listed = body.get("dependencies", [])
    behind = sum(bool(one.get("latest_version")) and one["version"] != one["latest_version"] for one in listed)
    known = {
        "total": len(listed),
        "outdated": behind,
        "vulnerable": sum(bool(one["vulnerabilities"]) for one in listed),
    }
    return {name: count if body.get(name) is None else body[name] for name, count in known.items()}


def _in_json(data: Json) -> dict[str, int]:
    return {
        "total": round(number_in(data, "total", "declared") or 0),
        "outdated": round(number_in(data, "outdated") or 0),
        "vulnerable": round(number_in(data, "vulnerable") or 0),
    }


FOUND = {severity: findings(severity) for severity in SEVERITIES}


def _rated(world: World, scope: Scope, window: Window) -> tuple[int, str] | None:
    """The rating of one entity by its newest findings, and how sure it is."""
    for level in LEVELS:
        last = {
            severity: [one.value for one in entries(world, metric, scope, window) if one.evidence == level]
            for severity, metric in FOUND.items()
        }
        scanned = any(one.evidence == level for one in entries(world, scans, scope, window))
        if scanned or last["info"]:
            worst = [rating for name, rating in RATED.items() if last[name] and last[name][-1] > 0]
            return (worst[0] if worst else 1), level
    return None


def rating(world: World, scope: Scope, window: Window, _evidence: str | None) -> Expected:
    """1 (A) to 5 (E); of the whole that of the worst repository."""
    if scope != SYSTEM:
        found = _rated(world, scope, window)
        return Expected(found[0], 1, found[1]) if found else NOTHING
    repositories = {("repository", attempt.repository) for attempt in world.attempts if attempt.about}
    rated = [found for one in repositories if (found := _rated(world, one, window))]
    if not rated:
        return NOTHING
    weakest = max((level for _, level in rated), key=LEVELS.index)
    return Expected(float(np.max([worth for worth, _ in rated])), len(rated), weakest)


FIGURES: dict[str, Figure] = {
    "security_scans": total(scans),
    **{f"findings_{severity}": newest(FOUND[severity]) for severity in RATED},
    "dependencies": newest(dependencies("total")),
    "outdated_dependencies": newest(dependencies("outdated")),
    "vulnerable_dependencies": newest(dependencies("vulnerable")),
    "security_rating": rating,
}
