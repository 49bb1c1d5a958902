"""Reports of figures: performance, analytics, quality."""

from collections.abc import Sequence
from datetime import datetime

from analytics_query.decisions.reports import analytics, needs, quality
from analytics_query.decisions.reports.asked import Asked, kind_of
from analytics_query.decisions.reports.attempts import (
    Attempts,
    Tasks,
    classes_of,
    phase_entities,
    summed,
    task_two,
    tasks_report,
)
from analytics_query.decisions.reports.definitions import is_wanted
from analytics_query.decisions.reports.needs import DIMENSION_OF
from analytics_query.decisions.reports.performance import comparative_report, entities_report, system_report
from analytics_query.decisions.reports.ranking import BY_NAME, by_work, not_shown
from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.decisions.reports.regressions import regressions_section
from analytics_query.decisions.reports.summary import opening_of, summary_of
from analytics_query.decisions.reports.trends import series_of, trends_of
from analytics_query.decisions.reports.trust import disagreement
from analytics_query.decisions.reports.words import counted
from analytics_query.domain.vocabulary import RESOLUTIONS, SYSTEM, Dimension, Resolution
from analytics_query.handlers.gathering import Sources, counted_time, gather
from analytics_query.ports import Position
from contracts.analytics import AnalyticsReport, EntityType, ReportType, Section, Standing
from contracts.base import JsonObject

DISAGREEMENTS = 10
KIND_OF = {dimension: kind for kind, dimension in DIMENSION_OF.items() if kind is not EntityType.system}


async def as_counted(asked: Asked, sources: Sources) -> Asked:
    """The question about the time that is counted: of workers and the like whole hours."""
    dimension = DIMENSION_OF.get(asked.entity_type)
    finest = RESOLUTIONS[dimension][0] if dimension else Resolution.minute
    return asked._replace(period=await counted_time(asked.period, finest, sources))


async def performance_report(
    asked: Asked, now: datetime, position: Position, sources: Sources, objective_percent: float
) -> AnalyticsReport:
    """How well tasks, workers or the whole perform."""
    if asked.report_type is ReportType.comparative and asked.entity_ids:
        asked = asked._replace(entity_type=await _kind_of(asked.entity_ids, sources))
    asked = await as_counted(asked, sources)
    wanted, dimension = asked.wanted, DIMENSION_OF.get(asked.entity_type, Dimension.system)
    if asked.entity_type is EntityType.task:
        known, attempts = await _documents(asked.entity_ids, sources)
        wished = needs.of_tasks(classes_of(known, attempts), phase_entities(known, attempts))
        reading = await gather(wished, asked.period, now, position, sources)
        sections, summary = tasks_report(known, attempts, reading, wanted)
        return _answer(asked, sections, summary, now, position)
    if dimension is Dimension.system:
        reading = await gather(needs.of_system(wanted, asked.limit), asked.period, now, position, sources)
        sections, summary = system_report(reading, wanted, asked.limit, objective_percent)
    else:
        wished = needs.of_entities(dimension, asked.entity_ids, wanted, asked.limit)
        reading = await gather(wished, asked.period, now, position, sources)
        report = comparative_report if asked.report_type is ReportType.comparative else entities_report
        sections, summary = report(reading, dimension, asked.entity_ids, wanted, asked.limit)
    sections = await _with_disagreements(sections, asked, dimension, sources)
    return _answer(asked, sections, summary, now, position)


async def analytics_report(asked: Asked, now: datetime, position: Position, sources: Sources) -> AnalyticsReport:
    """What was reported, by type: the newest data as they came, and the figures they amount to."""
    asked = await as_counted(asked, sources)
    dimension = DIMENSION_OF.get(asked.entity_type, Dimension.system)
    types, wanted, ids = asked.analytics_types, asked.wanted, asked.entity_ids
    data = await _reported(asked, sources)
    if asked.entity_type is EntityType.task:
        known, attempts = await _documents(ids, sources)
        sections = analytics.sections_of(
            types, ids, lambda name: task_two(name, known.get(name), attempts), [], wanted, "task", now
        )
        return _answer(asked, sections, _said_of_tasks(known, attempts, ids), now, position, data)
    named = ids or ((SYSTEM,) if dimension is Dimension.system else ())
    wished = needs.of_analytics(dimension, named, types, asked.limit)
    reading = await gather(wished, asked.period, now, position, sources)
    if dimension is Dimension.system:
        sections = analytics.system_sections(reading, types, wanted)
        return _answer(asked, sections, summary_of(sections, opening_of(reading.system, "")), now, position, data)
    entities = list(named) or by_work(reading, dimension)[: asked.limit]
    rollups = reading.series.get((dimension, entities[0]), []) if len(entities) == 1 else []
    sections = analytics.sections_of(
        types, entities, lambda name: reading.two(dimension, name), rollups, wanted, asked.entity_type.value, now
    )
    opening = [line for name in entities[:3] for line in opening_of(reading.two(dimension, name), name)[:1]]
    notes = [] if named else not_shown(reading, dimension, asked.limit, BY_NAME)
    return _answer(asked, sections, opening or ["Nothing is known in this time."], now, position, data, notes)


async def quality_report(asked: Asked, now: datetime, position: Position, sources: Sources) -> AnalyticsReport:
    """How good the code is that comes out, and where it is going."""
    asked = await as_counted(asked, sources)
    dimension = DIMENSION_OF.get(asked.entity_type, Dimension.system)
    wanted, ids = asked.wanted, asked.entity_ids
    if asked.entity_type is EntityType.task:
        return await _quality_of_tasks(asked, now, position, sources)
    reading = await gather(needs.of_quality(dimension, ids, wanted, asked.limit), asked.period, now, position, sources)
    sections = quality.quality_sections(reading, dimension, ids, wanted, asked.limit)
    named = ids if len(ids) == 1 else ((SYSTEM,) if dimension is Dimension.system else ())
    if named:
        rollups = reading.series.get((dimension, named[0]), [])
        names = frozenset(one.name for one in quality.DEFINITIONS) & analytics.TOLD_OVER_TIME
        series = series_of(quality.DEFINITIONS, rollups, wanted, names, now)
        first = sections[0]
        figures = [*first.figures, *trends_of(series, wanted)]
        sections = [first.model_copy(update={"figures": figures, "series": series}), *sections[1:]]
    if is_wanted(("security",), wanted) and sections:
        found = [*sections[0].findings, *quality.security_findings(reading)]
        sections = [sections[0].model_copy(update={"findings": found}), *sections[1:]]
    if is_wanted(("regressions",), wanted) and dimension in {Dimension.system, Dimension.repository}:
        sections.append(regressions_section(reading, (Dimension.repository,), wanted))
    return _answer(asked, sections, summary_of(sections, quality.opening_of(sections)), now, position)


async def _quality_of_tasks(asked: Asked, now: datetime, position: Position, sources: Sources) -> AnalyticsReport:
    known, attempts = await _documents(asked.entity_ids, sources)
    figures = {(Dimension.repository, name): task_two(name, known.get(name), attempts).now for name in asked.entity_ids}
    reading = Reading(asked.period, now, {Span.now: figures})
    sections = [
        quality.entity_section(reading, Dimension.repository, name, asked.wanted, f"Quality of {name}", newest=True)
        for name in asked.entity_ids
    ]
    return _answer(asked, sections, summary_of(sections, quality.opening_of(sections)), now, position)


async def _kind_of(ids: Sequence[str], sources: Sources) -> EntityType:
    """What these are: workers and the like by their roll-ups, else tasks by their documents."""
    found = await sources.rollups.dimensions(ids, KIND_OF)
    known = {name: {KIND_OF[dimension] for dimension in dimensions} for name, dimensions in found.items()}
    others = [name for name in ids if name not in known]
    tasks, attempts = await _documents(others, sources) if others else ({}, {})
    heard_of = {key.task_id for key in attempts} | {name for name, task in tasks.items() if task is not None}
    return kind_of(ids, known | {name: {EntityType.task} for name in others if name in heard_of})


async def _documents(ids: Sequence[str], sources: Sources) -> tuple[Tasks, Attempts]:
    attempts = await sources.documents.attempts(ids)
    known = {task_id: await sources.documents.task(task_id) for task_id in ids}
    return known, attempts


def _said_of_tasks(known: Tasks, attempts: Attempts, ids: Sequence[str]) -> list[str]:
    figures = summed(known, attempts, ids)
    ended = figures.counts.get("attempts_ended", 0)
    unknown = [name for name in ids if known.get(name) is None and not any(key[0] == name for key in attempts)]
    said = [
        f"{counted(len(ids) - len(unknown), 'task')} with {counted(len(attempts), 'attempt')}, of which {ended} ended."
    ]
    return [*(said if len(unknown) < len(ids) else []), *(f"Nothing is known of {name}." for name in unknown)]


async def _with_disagreements(
    sections: list[Section], asked: Asked, dimension: Dimension, sources: Sources
) -> list[Section]:
    """The latest claims that did not hold, in the section on trust."""
    whose = asked.entity_ids[0] if dimension is Dimension.worker and len(asked.entity_ids) == 1 else None
    place = next((place for place, one in enumerate(sections) if one.name == "trust"), None)
    if place is None or (whose is None and dimension is not Dimension.system):
        return sections
    latest = await sources.records.disagreements(whose, asked.period.since, asked.period.until, DISAGREEMENTS)
    found = [
        disagreement(f"Attempt {one.attempt} of {one.task_id} by {one.worker_id}", one.task_id, [*one.sentences])
        for one in latest
    ]
    section = sections[place]
    told = section.model_copy(update={"findings": [*section.findings, *found]})
    return [*sections[:place], told, *sections[place + 1 :]]


async def _reported(asked: Asked, sources: Sources) -> dict[str, JsonObject]:
    kinds = {EntityType.task: "task", EntityType.worker: "worker", EntityType.system: None}
    if asked.entity_type not in kinds:
        return {}
    if asked.entity_type is EntityType.worker and not asked.entity_ids:
        return {}
    period = asked.period
    found = await sources.records.reported(kinds[asked.entity_type], asked.entity_ids, period.since, period.until)
    newest = sorted(found, key=lambda one: one.at)
    types = asked.analytics_types
    return {one.analytics_type: one.data for one in newest if not types or one.analytics_type in types}


def _answer(
    asked: Asked,
    sections: Sequence[Section],
    summary: Sequence[str],
    now: datetime,
    position: Position,
    data: dict[str, JsonObject] | None = None,
    notes: Sequence[str] = (),
) -> AnalyticsReport:
    return AnalyticsReport(
        report=asked.report,
        entity_type=asked.entity_type,
        entity_ids=list(asked.entity_ids),
        since=asked.period.since,
        until=asked.period.until,
        time_range=asked.period.name,
        summary=list(summary),
        sections=list(sections),
        data=data or {},
        notes=list(notes),
        standing=Standing(position=position.number, computed_at=now),
    )
