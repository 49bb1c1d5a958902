"""Entities side by side, with their figures."""

from collections.abc import Collection, Sequence

from analytics_query.decisions.reports.definitions import Definition, figures_of
from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.decisions.reports.words import counted, entity_name
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import Dimension
from contracts.analytics import Row, Section

BY_LIMIT = "limit says how many are"
BY_NAME = "entity_id names those that are wanted"
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
    return Section(name=name, title=title, rows=rows, notes=not_shown(reading, dimension, limit))


def not_shown(reading: Reading, dimension: Dimension, shown: int, how: str = BY_LIMIT, kind: str = "") -> list[str]:
    """How many entities there are beside those that are listed, if any, and how to see them."""
    hidden = max(len(reading.entities(dimension)), reading.many.get(dimension, 0)) - shown
    more = counted(hidden, f"more {kind}") if kind else counted(hidden, "more", "more")
    return [f"{more} not shown; {how}."] if hidden > 0 else []


def by_work(reading: Reading, dimension: Dimension) -> list[str]:
    """Entities, the busiest first."""

    def worked(entity: str) -> tuple[int, str]:
        return -work_of(reading.at(Span.now, dimension, entity)), entity

    return sorted(reading.entities(dimension), key=worked)


def work_of(figures: Figures) -> int:
    """How much an entity did, or how much there was of it."""
    return sum(figures.counts.get(metric, 0) for metric in WORK)
