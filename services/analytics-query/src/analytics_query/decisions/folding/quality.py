"""How good the code is: of the whole project where a report tells it, else over its files."""

from collections.abc import Iterable, Mapping
from math import fsum
from typing import Any

from analytics_query.decisions.folding.coverage import WHOLE_PROJECT
from analytics_query.decisions.folding.crediting import NewestValues, credited_at, later
from analytics_query.decisions.folding.groups import entities_of
from analytics_query.decisions.folding.tables import Credit, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.decisions.numbers import number, sane
from analytics_query.decisions.sampling import admitted, digest, newer, population
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.documents.parts import Value
from analytics_query.domain.documents.quality import Figure, FileQuality, Issues, Quality
from analytics_query.domain.vocabulary import with_evidence
from contracts.base import Level
from contracts.events import Evidence
from contracts.events.reporting import AnalyticsType

MAX_FILES = 500
CYCLOMATIC, MAX_CYCLOMATIC, COGNITIVE = "cyclomatic", "max_cyclomatic", "cognitive"
MAINTAINABILITY, DUPLICATION, LINES = "maintainability", "duplication", "lines_of_code"
FIGURES = (CYCLOMATIC, MAX_CYCLOMATIC, COGNITIVE, MAINTAINABILITY, DUPLICATION, LINES)
SUMS = frozenset({COGNITIVE, LINES})
"""Over several files they are added; of the largest complexity the largest is taken, of all others the mean."""
KEYS: dict[AnalyticsType, dict[str, tuple[str, ...]]] = {
    AnalyticsType.quality: {
        CYCLOMATIC: ("complexity_score", "cyclomatic_complexity"),
        MAX_CYCLOMATIC: ("max_complexity", "max_cyclomatic_complexity"),
        COGNITIVE: ("cognitive_complexity",),
        MAINTAINABILITY: ("maintainability_index",),
        DUPLICATION: ("duplication_percent",),
        LINES: ("lines_of_code", "loc"),
    },
    AnalyticsType.code: {LINES: ("lines_of_code", "loc")},
}
"""Names under which sets of analytics tell them."""
SEVERE = frozenset({Level.critical, Level.high})
NO_FILE = FileQuality((None,) * len(FIGURES), Issues(-1, 0, 0))


def quality_figures(quality: Quality, evidence: str) -> dict[str, float]:
    """What the attempt ended in, by metric."""
    found: dict[str, float] = {}
    files = quality.files.get(evidence, {})
    for place, metric in enumerate(FIGURES):
        told = quality.whole.get(with_evidence(metric, evidence))
        value = told.value if told else _over_files(metric, place, files)
        if value is not None:
            found[metric] = value
    return found


def _over_files(metric: str, place: int, files: Mapping[str, FileQuality]) -> float | None:
    measured = [figure.value for file in files.values() if (figure := file.figures[place]) is not None]
    if not measured:
        return None
    if metric == MAX_CYCLOMATIC:
        return max(measured)
    mean = fsum(measured) / len(measured)
    if metric not in SUMS:
        return mean
    return fsum(measured) if len(files) < MAX_FILES else mean * population(files, MAX_FILES)


def open_issues(quality: Quality, evidence: str) -> int | None:
    """Issues in the newest report of each file and of the project; None if there was no report."""
    files, whole = quality.files.get(evidence, {}), quality.whole_issues.get(evidence)
    if not files and whole is None:
        return None
    return _scaled(files, sum(file.issues.found for file in files.values())) + (whole.found if whole else 0)


def severe_issues(quality: Quality, evidence: str) -> int:
    """Issues of level high or critical: of each file the most that one report told."""
    files, whole = quality.files.get(evidence, {}), quality.whole_issues.get(evidence)
    return _scaled(files, sum(file.issues.severe for file in files.values())) + (whole.severe if whole else 0)


def _scaled(files: Mapping[str, FileQuality], count: int) -> int:
    if len(files) < MAX_FILES:
        return count
    return round(count * population(files, MAX_FILES) / len(files))


def _quality(document: AttemptDocument, event: Any) -> None:
    quality, body, evidence = document.quality, event.body, event.evidence.value
    quality.newest_at = later(quality.newest_at, event.occurred_at)
    for issue in body.issues:
        name = with_evidence(issue.severity.value, evidence)
        quality.issues[name] = quality.issues.get(name, 0) + 1
    issues = Issues(event.seq, len(body.issues), sum(issue.severity in SEVERE for issue in body.issues))
    figures = _figures_of(body.metrics)
    if body.file_path in WHOLE_PROJECT:
        _take_whole(quality, event, dict(zip(FIGURES, figures, strict=True)))
        quality.whole_issues[evidence] = _newer_issues(quality.whole_issues.get(evidence), issues)
        return
    files, name = quality.files.setdefault(evidence, {}), digest(body.file_path)
    if admitted(files, name, MAX_FILES):
        files[name] = _newer_file(files.get(name, NO_FILE), event.seq, figures, issues)


def _newer_file(known: FileQuality, seq: int, values: Iterable[float | None], issues: Issues) -> FileQuality:
    figures = tuple(
        figure if value is None else newer(figure, Figure(seq, value))
        for figure, value in zip(known.figures, values, strict=True)
    )
    return FileQuality(figures, _newer_issues(known.issues, issues))


def _newer_issues(known: Issues | None, told: Issues) -> Issues:
    newest = newer(known, told)
    return newest._replace(severe=max(told.severe, known.severe if known else 0))


def _figures_of(metrics: Any) -> tuple[float | None, ...]:
    values = (
        metrics.cyclomatic_complexity,
        metrics.max_cyclomatic_complexity,
        metrics.cognitive_complexity,
        metrics.maintainability_index,
        metrics.duplication_percent,
        metrics.lines_of_code,
    )
    return tuple(sane(value) for value in values)


def _analytics(document: AttemptDocument, event: Any) -> None:
    data = event.body.data
    names = KEYS.get(event.body.analytics_type)
    if names is None:
        return
    values = {metric: number(data, *keys) for metric, keys in names.items()}
    if any(value is not None for value in values.values()):
        document.quality.newest_at = later(document.quality.newest_at, event.occurred_at)
        _take_whole(document.quality, event, values)


def _take_whole(quality: Quality, event: Any, values: Mapping[str, float | None]) -> None:
    for metric, value in values.items():
        if value is not None:
            name = with_evidence(metric, event.evidence.value)
            quality.whole[name] = newer(quality.whole.get(name), Value(event.seq, event.occurred_at, value))


def _credit(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    quality = document.quality
    at = credited_at(document, quality.newest_at)
    if at is None:
        return
    entities = entities_of(key, document)
    newest_values = NewestValues(key, document, entities)
    for evidence in (level.value for level in Evidence):
        figures = quality_figures(quality, evidence)
        for metric, value in figures.items():
            ledger.spread(entities, at, with_evidence(metric, evidence), value)
        for level in Level:
            count = quality.issues.get(with_evidence(level.value, evidence), 0)
            ledger.count(entities, at, with_evidence(f"quality_issues:{level.value}", evidence), count)
            ledger.count(entities, at, with_evidence("quality_issues", evidence), count)
        issues = open_issues(quality, evidence)
        known = figures if issues is None else figures | {"quality_issues": float(issues)}
        for metric, value in known.items():
            newest_values.enter(ledger, with_evidence(metric, evidence), value)


FOLDS: dict[str, Fold] = {"quality": _quality, "analytics": _analytics}
CREDITS: tuple[Credit, ...] = (_credit,)
