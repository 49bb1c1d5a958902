"""What has become worse, or better, against the history of the same tasks and the same repository."""

from collections.abc import Collection, Iterable

from analytics_query.decisions.reports.comparisons import (
    PERFORMANCE,
    QUALITY,
    Comparison,
    Difference,
    Sides,
    compare_all,
    finding_of,
    note_of,
)
from analytics_query.decisions.reports.definitions import is_wanted
from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.decisions.reports.words import entity_name
from analytics_query.domain.vocabulary import Dimension
from contracts.analytics import Finding, Section

GROUP = "regressions"
OF_CLASS = tuple(one for one in PERFORMANCE if one.name != "trust_score")
BASIS = (
    "Compared with the history of the same repository and class of tasks: the time before, of the same length and "
    "seven days at least."
)


def regressions_section(
    reading: Reading, dimensions: Collection[Dimension], wanted: Collection[str], kind: str = "performance"
) -> Section:
    """What has changed in each class of tasks (performance) and each repository (quality)."""
    findings: list[Finding] = []
    notes = [BASIS]
    for dimension in dimensions:
        comparisons = _comparisons(dimension, wanted)
        compared = compare_all(_sides(reading, dimension), comparisons)
        findings += [_finding(one, dimension) for one in compared.differences]
        if compared.made or compared.too_few:
            notes += [f"{dimension.value}: {note}" for note in note_of(compared)]
    findings.sort(key=lambda one: one.kind != "regression")
    return Section(name="regressions", title="Changes against history", findings=findings, notes=notes)


def _comparisons(dimension: Dimension, wanted: Collection[str]) -> tuple[Comparison, ...]:
    mine = QUALITY if dimension is Dimension.repository else OF_CLASS
    # Regressions alone mean all of them; with other groups they are narrowed to those.
    narrowed = [group for group in wanted if group not in {GROUP, "bottlenecks"}]
    return mine if not narrowed else tuple(one for one in mine if is_wanted(one.groups, narrowed))


def _sides(reading: Reading, dimension: Dimension) -> Iterable[Sides]:
    for entity in reading.entities(dimension):
        yield Sides(entity, reading.at(Span.now, dimension, entity), reading.at(Span.history, dimension, entity))


def _finding(difference: Difference, dimension: Dimension) -> Finding:
    kind, verb = ("regression", "is worse") if difference.is_worse else ("improvement", "is better")
    subject = entity_name(difference.entity)
    text = f"{subject}: {difference.comparison.what} {verb} than before"
    finding = finding_of(difference, kind, text, dimension.value)
    return finding.model_copy(update={"entity_id": subject})
