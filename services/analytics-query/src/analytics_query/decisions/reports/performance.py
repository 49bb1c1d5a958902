"""The performance reports: of the system, of workers and their like, and of entities against each other."""

from collections.abc import Collection, Sequence

from analytics_query.decisions.reports import questions, resources, system, tasks, trust, workers
from analytics_query.decisions.reports.bottlenecks import bottlenecks_section, phases_section
from analytics_query.decisions.reports.comparative import comparative_section
from analytics_query.decisions.reports.definitions import Definition, Two, figures_of, is_wanted
from analytics_query.decisions.reports.errors import budget_section
from analytics_query.decisions.reports.quotas import quotas_section
from analytics_query.decisions.reports.reading import Reading
from analytics_query.decisions.reports.regressions import regressions_section
from analytics_query.decisions.reports.summary import opening_of, summary_of
from analytics_query.decisions.reports.trends import series_of
from analytics_query.decisions.reports.words import entity_name, hours_counted
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Resolution
from contracts.analytics import Section

TOLD_OVER_TIME = (
    "throughput", "completion_rate", "execution_time_p50", "execution_time_p95", "error_rate", "queue_depth_mean",
    "queue_age_p95", "network_latency_p95", "errors_reported", "fleet_utilization", "success_rate", "utilization",
    "worker_tasks_per_hour", "events_per_second",
)  # fmt: skip
RANKED = tuple(
    {
        one.name: one
        for one in (
            *workers.DEFINITIONS,
            trust.TRUST,
            *(one for one in tasks.DEFINITIONS if one.groups[0] in {"retry_rate", "execution_time"}),
            *(one for one in resources.DEFINITIONS if one.name.endswith(("_p50", "_total", "_p95"))),
        )
    }.values()
)
"""What entities are compared by."""


def system_report(
    reading: Reading, wanted: Collection[str], limit: int, objective_percent: float
) -> tuple[list[Section], list[str]]:
    """The sections of a report on the whole system, and its summary."""
    two = reading.system
    sections = [
        tasks.tasks_section(two, wanted),
        _over_time(system.system_section(two, wanted), reading, Dimension.system, SYSTEM, wanted),
        _by_the_hour(workers.workers_section(reading, wanted, limit), reading),
        resources.resources_section(two, wanted),
    ]
    if is_wanted(("phases",), wanted):
        sections.append(_by_the_hour(phases_section(reading, wanted, limit), reading))
    if is_wanted(("bottlenecks",), wanted):
        sections.append(bottlenecks_section(reading, wanted, limit))
    if is_wanted(("regressions",), wanted):
        sections.append(regressions_section(reading, (Dimension.task_class, Dimension.repository), wanted))
    sections += _common(reading, two, wanted, limit)
    if is_wanted(("questions",), wanted):
        sections.append(questions.questions_section(reading, two, wanted, limit))
    if is_wanted(("error_budget",), wanted):
        sections.append(budget_section(two, objective_percent))
    return _with_content(sections), summary_of(sections, opening_of(two, ""))


def _by_the_hour(section: Section, reading: Reading) -> Section:
    """The section; with a note if more time is counted in it than was asked for."""
    told = hours_counted(reading.period, reading.period.outward(Resolution.hour)) if section.rows else []
    return section.model_copy(update={"notes": [*section.notes, *told]})


def entities_report(
    reading: Reading, dimension: Dimension, named: Sequence[str], wanted: Collection[str], limit: int
) -> tuple[list[Section], list[str]]:
    """The sections of a report on workers, repositories, agents or models, and its summary."""
    if len(named) != 1:
        return comparative_report(reading, dimension, named, wanted, limit)
    entity = named[0]
    two = reading.two(dimension, entity)
    own = Section(
        name=dimension.value,
        title=f"{dimension.value.capitalize()} {entity_name(entity)}"[:200],
        figures=figures_of(workers.DEFINITIONS, two, wanted),
    )
    sections = [
        _over_time(own, reading, dimension, entity, wanted),
        tasks.tasks_section(two, wanted),
        resources.resources_section(two, wanted),
        _against_others(reading, dimension, entity, wanted),
    ]
    if is_wanted(("regressions",), wanted):
        sections.append(regressions_section(reading, (dimension,), wanted))
    sections += _common(reading, two, wanted, limit)
    if is_wanted(("questions",), wanted):
        sections.append(questions.questions_section(reading, two, wanted, limit))
    return _with_content(sections), summary_of(sections, opening_of(two, entity_name(entity)))


def comparative_report(
    reading: Reading, dimension: Dimension, named: Sequence[str], wanted: Collection[str], limit: int
) -> tuple[list[Section], list[str]]:
    """Entities ranked and compared."""
    section = comparative_section(reading, dimension, RANKED, wanted, max(limit, len(named)), named)
    unknown = [name for name in named if not any(row.entity_id == entity_name(name)[:200] for row in section.rows)]
    opening = [_leading(section)] if section.rows else ["Nothing is known of these in this time."]
    if unknown and section.rows:
        opening.append(f"Nothing is known in this time of {', '.join(map(entity_name, unknown))}.")
    if section.rows and not section.findings:
        opening.append("No difference between them is significant and large enough to matter.")
    return [section], summary_of([section], opening)


def _leading(section: Section) -> str:
    first = section.rows[0]
    rates = {row.entity_id: figure for row in section.rows for figure in row.figures if figure.name == "success_rate"}
    figure = rates.get(first.entity_id)
    done = (
        ""
        if figure is None or figure.value is None
        else f" ({figure.samples:,} attempts, {figure.value:.1f} % completed)"
    )
    return f"{len(section.rows)} compared; {first.entity_id} did most{done}."


def _against_others(reading: Reading, dimension: Dimension, entity: str, wanted: Collection[str]) -> Section:
    section = comparative_section(reading, dimension, (), wanted, 1, [] if dimension is Dimension.worker else [entity])
    return section.model_copy(update={"name": "against_others", "title": "Against all others", "rows": []})


def _common(reading: Reading, two: Two, wanted: Collection[str], limit: int) -> list[Section]:
    sections: list[Section] = []
    quotas = quotas_section(reading, wanted, limit)
    if quotas is not None:
        sections.append(quotas)
    if is_wanted(("trust",), wanted):
        sections.append(trust.trust_section(reading, two, wanted, limit))
    return sections


def _over_time(
    section: Section, reading: Reading, dimension: Dimension, entity: str, wanted: Collection[str]
) -> Section:
    definitions: tuple[Definition, ...] = (*tasks.DEFINITIONS, *system.DEFINITIONS)
    if dimension is not Dimension.system:
        definitions = (*tasks.DEFINITIONS, *workers.DEFINITIONS)
    rollups = reading.series.get((dimension, entity), [])
    return section.model_copy(update={"series": series_of(definitions, rollups, wanted, TOLD_OVER_TIME, reading.now)})


def _with_content(sections: Sequence[Section]) -> list[Section]:
    return [one for one in sections if one.figures or one.series or one.rows or one.findings or one.notes]
