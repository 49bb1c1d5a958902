"""Entities side by side, with their figures."""

from collections.abc import Collection, Sequence

from analytics_query.decisions.reports.definitions import Definition, figures_of
from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.decisions.reports.words import counted, entity_name
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import Dimension
from contracts.analytics import Row, Section

WORK = ("attempts_ended", "calls", "questions_asked", "seen")


def ranked(
    name: str,
    title: str,
    reading: Reading,
    dimension: Dimension,
    definitions: Sequence[Definition],
    wanted: Collection[str],
    limit: int,
) -> Section:
    """The entities of a dimension, the busiest first; those without any figure are left out."""
    entities = by_work(reading, dimension)
    rows = [
        Row(
            entity_type=dimension.value,
            entity_id=entity_name(entity)[:200],
            rank=rank,
            figures=figures_of(definitions, reading.two(dimension, entity), wanted),
        )
        for rank, entity in enumerate(entities[:limit], start=1)
    ]
    rows = [row for row in rows if any(figure.samples for figure in row.figures)]
    hidden = len(entities) - limit
    notes = [f"{counted(hidden, 'more', 'more')} not shown; limit says how many are."] if hidden > 0 else []
    return Section(name=name, title=title, rows=rows, notes=notes)


def by_work(reading: Reading, dimension: Dimension) -> list[str]:
    """Entities, the busiest first."""

    def worked(entity: str) -> tuple[int, str]:
        return -work_of(reading.at(Span.now, dimension, entity)), entity

    return sorted(reading.entities(dimension), key=worked)


def work_of(figures: Figures) -> int:
    """How much an entity did, or how much there was of it."""
    return sum(figures.counts.get(metric, 0) for metric in WORK)
