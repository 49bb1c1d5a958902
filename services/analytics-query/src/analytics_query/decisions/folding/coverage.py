"""How much of the code the tests reach: in which the attempt ended, and what it has changed."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from analytics_query.decisions.folding.crediting import NewestValues
from analytics_query.decisions.folding.groups import entities_of
from analytics_query.decisions.folding.tables import Credit, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.decisions.numbers import percent
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.documents.coverage import Course, Coverages
from analytics_query.domain.documents.parts import Value
from analytics_query.domain.vocabulary import with_evidence
from contracts.events import Evidence
from contracts.events.reporting import AnalyticsType

LINE, BRANCH, TOTAL = "line", "branch", "total"
KEYS: dict[AnalyticsType, tuple[tuple[str, tuple[str, ...]], ...]] = {
    AnalyticsType.test: (
        (LINE, ("line_coverage_percent", "line_coverage")),
        (BRANCH, ("branch_coverage_percent", "branch_coverage")),
        (TOTAL, ("coverage_percent", "test_coverage")),
    ),
    AnalyticsType.quality: (
        (LINE, ("line_coverage_percent", "line_coverage")),
        (BRANCH, ("branch_coverage_percent", "branch_coverage")),
        (TOTAL, ("test_coverage", "coverage_percent")),
    ),
}
"""Names under which sets of analytics tell coverage."""
WHOLE_PROJECT = frozenset({"", ".", "./", "/"})


def _take(coverages: Coverages, event: Any, evidence: str, values: Mapping[str, float | None]) -> None:
    for what, value in values.items():
        if value is not None:
            told = Value(event.seq, event.occurred_at, value)
            name = with_evidence(what, evidence)
            first, newest = coverages.measured.get(name, Course(told, told))
            coverages.measured[name] = Course(min(first, told), max(newest, told))


def _coverage(document: AttemptDocument, event: Any) -> None:
    body = event.body
    _take(document.coverages, event, event.evidence.value, {LINE: body.line_percent, BRANCH: body.branch_percent})


def _tests(document: AttemptDocument, event: Any) -> None:
    counts = event.body.results
    values = {LINE: counts.line_coverage_percent, BRANCH: counts.branch_coverage_percent}
    _take(document.coverages, event, event.evidence.value, values)


def _analytics(document: AttemptDocument, event: Any) -> None:
    data = event.body.data
    values = {what: percent(data, *names) for what, names in KEYS.get(event.body.analytics_type, ())}
    _take(document.coverages, event, event.evidence.value, values)


def _quality(document: AttemptDocument, event: Any) -> None:
    body = event.body
    if body.file_path in WHOLE_PROJECT:
        _take(document.coverages, event, event.evidence.value, {TOTAL: body.metrics.test_coverage})


def _outcome(document: AttemptDocument, event: Any) -> None:
    for evidence, seen in ((Evidence.observed, event.body.observed), (Evidence.verified, event.body.verified)):
        if seen is not None and seen.coverage:
            branches = [report.branch_percent for report in seen.coverage if report.branch_percent is not None]
            values = {
                LINE: fmean(report.line_percent for report in seen.coverage),
                BRANCH: fmean(branches) if branches else None,
            }
            _take(document.coverages, event, evidence.value, values)


def coverage_of(coverages: Coverages, evidence: str) -> dict[str, Course]:
    """What is known by one level of evidence: by metric. Without a word on lines, the total stands for them."""
    line, branch, total = (coverages.measured.get(with_evidence(what, evidence)) for what in (LINE, BRANCH, TOTAL))
    found = {"line_coverage": line or total, "branch_coverage": branch}
    return {metric: course for metric, course in found.items() if course is not None}


def _credit(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    coverages = document.coverages
    if not coverages.measured:
        return
    entities = entities_of(key, document)
    newest_values = NewestValues(key, document, entities)
    for evidence in (level.value for level in Evidence):
        found = coverage_of(coverages, evidence)
        for metric, (first, newest) in found.items():
            at = document.lifecycle.ended_at or newest.at
            ledger.spread(entities, at, with_evidence(metric, evidence), newest.value)
            if metric == "line_coverage" and first.seq < newest.seq:
                change = newest.value - first.value
                ledger.spread(entities, at, with_evidence("line_coverage_delta", evidence), change)
        for metric, (_, newest) in found.items():
            newest_values.enter(ledger, with_evidence(metric, evidence), newest.value)


FOLDS: dict[str, Fold] = {
    "coverage": _coverage,
    "tests": _tests,
    "analytics": _analytics,
    "quality": _quality,
    "outcome": _outcome,
}
CREDITS: tuple[Credit, ...] = (_credit,)
