"""The sections of `get_analytics`, by type of analytics, for any kind of entity."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from analytics_query.decisions.reports import quality, resources, system, tasks, workers
from analytics_query.decisions.reports.definitions import Definition, Two, figures_of, is_wanted
from analytics_query.decisions.reports.reading import Reading
from analytics_query.decisions.reports.trends import series_of, trends_of
from analytics_query.decisions.reports.words import entity_name, letter
from analytics_query.domain.rollups import Rollup
from analytics_query.domain.vocabulary import SYSTEM, Dimension
from contracts.analytics import Figure, Row, Section

CODE = tuple(one for one in quality.NEWEST if one.name == "lines_of_code" or "complexity" in one.groups)
PERFORMANCE = tuple(
    {
        one.name: one
        for one in (
            *tasks.DEFINITIONS,
            *(one for one in workers.DEFINITIONS if one.name not in {"worker_execution_time_p50"}),
        )
    }.values()
)


def _among(*groups: str) -> tuple[Definition, ...]:
    return tuple(one for one in (*quality.DEFINITIONS, *quality.NEWEST) if is_wanted(one.groups, groups))


DEFINITIONS: dict[str, tuple[Definition, ...]] = {
    "performance": PERFORMANCE,
    "quality": _among("coverage", "complexity", "maintainability", "tests", "bugs"),
    "resource": resources.DEFINITIONS,
    "code": CODE,
    "test": _among("tests", "coverage"),
    "security": _among("security"),
    "dependency": _among("dependencies"),
}
"""What is shown of each type."""
TOLD_OVER_TIME = frozenset(
    {
        "completion_rate", "execution_time_p50", "execution_time_p95", "error_rate", "tasks_per_hour", "success_rate",
        "line_coverage", "branch_coverage", "cyclomatic_complexity", "cognitive_complexity", "maintainability_index",
        "test_pass_rate", "bugs_found", "memory_peak_p95", "cpu_percent_p95", "cost_total", "tokens_input",
    }
)  # fmt: skip

Reader = Callable[[str], Two]


def sections_of(
    types: Collection[str],
    entities: Sequence[str],
    read: Reader,
    rollups: Sequence[Rollup],
    wanted: Collection[str],
    entity_type: str,
    now: datetime,
) -> list[Section]:
    """A section for each type: of one entity its figures over time, of several a row each."""
    made = [
        _section(name, entities, read, rollups, wanted, entity_type, now)
        for name in DEFINITIONS
        if not types or name in types
    ]
    return [one for one in made if one.figures or one.series or one.rows]


def system_sections(reading: Reading, types: Collection[str], wanted: Collection[str]) -> list[Section]:
    """The same of the whole, with what only the whole has."""
    rollups = reading.series.get((Dimension.system, SYSTEM), [])
    sections = sections_of(types, (SYSTEM,), lambda _: reading.system, rollups, wanted, "system", reading.now)
    more = figures_of(system.DEFINITIONS, reading.system, wanted)
    return [
        one.model_copy(update={"figures": [*one.figures, *more]}) if one.name == "performance" else one
        for one in sections
    ]


def _section(
    name: str,
    entities: Sequence[str],
    read: Reader,
    rollups: Sequence[Rollup],
    wanted: Collection[str],
    entity_type: str,
    now: datetime,
) -> Section:
    definitions, title = DEFINITIONS[name], name.capitalize()
    if len(entities) != 1:
        rows = [
            Row(entity_type=entity_type, entity_id=entity_name(entity)[:200], figures=figures)
            for entity in entities
            if (figures := _figures(name, definitions, read(entity), wanted, entity_type))
        ]
        return Section(name=name, title=title, rows=_ranked(rows))
    series = series_of(definitions, rollups, wanted, TOLD_OVER_TIME, now)
    figures = _figures(name, definitions, read(entities[0]), wanted, entity_type) + trends_of(series, wanted)
    return Section(name=name, title=title, figures=figures, series=series)


def _figures(
    name: str, definitions: Sequence[Definition], two: Two, wanted: Collection[str], entity_type: str
) -> list[Figure]:
    # The newest value of whichever repository came last says nothing about the whole.
    told = [one for one in definitions if entity_type != "system" or one not in quality.NEWEST]
    figures = [one for one in figures_of(told, two, wanted) if one.samples or one.baseline is not None]
    if name == "security" and entity_type != "system" and is_wanted(quality.RATING.groups, wanted):
        rating = quality.rating_of(two.now)
        if rating.value is not None:
            figures.append(quality.RATING.figure(None, reckoned=rating, note=letter(rating.value)))
    return figures


def _ranked(rows: Iterable[Row]) -> list[Row]:
    return [row.model_copy(update={"rank": rank}) for rank, row in enumerate(rows, start=1)]
