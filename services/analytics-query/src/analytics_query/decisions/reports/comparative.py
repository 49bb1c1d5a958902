"""Entities against each other: ranked, with the differences that matter said in words."""

from collections.abc import Collection, Sequence

from analytics_query.decisions.reports.comparisons import (
    PERFORMANCE,
    QUALITY,
    Difference,
    Sides,
    compare_all,
    finding_of,
    note_of,
)
from analytics_query.decisions.reports.definitions import Definition, is_wanted
from analytics_query.decisions.reports.evident import best_of
from analytics_query.decisions.reports.ranking import ranked
from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.decisions.reports.words import entity_name
from analytics_query.domain.rollups import rest, total
from analytics_query.domain.vocabulary import SYSTEM, Dimension
from contracts.analytics import Finding, Section


def comparative_section(
    reading: Reading,
    dimension: Dimension,
    definitions: Sequence[Definition],
    wanted: Collection[str],
    limit: int,
    named: Sequence[str],
) -> Section:
    """The entities ranked; two that were named are compared with each other, more with all the others together."""
    section = ranked(
        "comparison", f"Comparison of {_plural(dimension)}", reading, dimension, definitions, wanted, limit
    )
    sides, against = _sides(reading, dimension, named)
    comparisons = [one for one in (*PERFORMANCE, *QUALITY) if is_wanted(one.groups, wanted)]
    compared = compare_all(sides, comparisons)
    findings = [_finding(one, dimension, against) for one in compared.differences]
    rows = section.rows
    return section.model_copy(
        update={"findings": findings, "notes": [*section.notes, *note_of(compared)], "rows": rows}
    )


def _sides(reading: Reading, dimension: Dimension, named: Sequence[str]) -> tuple[list[Sides], str]:
    entities = {entity: reading.at(Span.now, dimension, entity) for entity in reading.entities(dimension)}
    pair = [name for name in named if name in entities] or list(entities)
    if len(pair) == 2 and len(named) != 1:
        first, second = pair
        return [Sides(first, entities[first], entities[second])], entity_name(second)
    # No more is added up than is compared.
    metrics = [one.spread for one in (*PERFORMANCE, *QUALITY) if one.spread]
    compared = {best_of(figures, metric) for figures in entities.values() for metric in metrics}
    entities = {entity: figures.only(compared) for entity, figures in entities.items()}
    if named or dimension is not Dimension.worker:
        whole, against = total(entities.values()), "the others"
    else:
        whole, against = reading.at(Span.now, Dimension.system, SYSTEM).only(compared), "all other workers"
    others = rest(whole, list(entities.values()))
    return [Sides(*sides) for sides in zip(entities, entities.values(), others, strict=True)], against


def _finding(difference: Difference, dimension: Dimension, against: str) -> Finding:
    standing = "worse" if difference.is_worse else "better"
    subject = entity_name(difference.entity)
    text = f"{subject} is {standing} than {against} in {difference.comparison.what}"
    return finding_of(difference, "difference", text, dimension.value).model_copy(update={"entity_id": subject})


def _plural(dimension: Dimension) -> str:
    return "repositories" if dimension is Dimension.repository else f"{dimension.value.replace('_', ' ')}s"
