"""Which roll-ups each report needs: no more than what was asked for takes."""

from collections.abc import Collection, Iterable, Sequence
from functools import cache

from analytics_query.decisions.reports import analytics, quality, questions, resources, system, tasks, workers
from analytics_query.decisions.reports.comparisons import COMPARED, QUALITY
from analytics_query.decisions.reports.definitions import Definition, is_wanted
from analytics_query.decisions.reports.evident import kept_as
from analytics_query.decisions.reports.performance import RANKED, TOLD_OVER_TIME
from analytics_query.decisions.reports.reading import Need, Reads, Span
from analytics_query.decisions.reports.recipes import Newest
from analytics_query.decisions.reports.regressions import OF_CLASS
from analytics_query.domain.rollups import LASTS, SPREADS
from analytics_query.domain.vocabulary import SYSTEM, Dimension
from contracts.analytics import EntityType

WHOLE = (SYSTEM,)
USUAL = 20
"""How many are listed where nobody says how many."""
LISTED = frozenset(Dimension) - {Dimension.task_class, Dimension.repository}
"""What a report on the system lists; the others are compared with what was before."""
RANKED_BY = dict.fromkeys(Dimension, "attempts_ended") | {
    Dimension.phase: "phases",
    Dimension.operation: "calls",
    Dimension.hotspot: "seen",
    Dimension.benchmark: "measured",
    Dimension.test: "flaky",
    Dimension.quota: "readings",
    Dimension.error: "errors",
    Dimension.error_type: "errors",
    Dimension.recovery: "tried",
    Dimension.strategy: "tried",
    Dimension.decision: "decisions",
    Dimension.question: "questions_asked",
}
"""By which counts the busiest entities of a dimension are found."""
MOST = dict.fromkeys(Dimension, 20) | {
    Dimension.agent: 10,
    Dimension.model: 10,
    Dimension.task_class: 30,
    Dimension.phase: 30,
    Dimension.test: 50,
    Dimension.recovery: 200,
    Dimension.strategy: 50,
    Dimension.decision: 50,
}
"""How many of the busiest are read."""
BOTH = (Span.now, Span.before)
TOGETHER = (Span.now, Span.history)
ALL_THREE = (Span.now, Span.before, Span.history)
DIMENSION_OF = {
    EntityType.worker: Dimension.worker,
    EntityType.system: Dimension.system,
    EntityType.repository: Dimension.repository,
    EntityType.agent: Dimension.agent,
    EntityType.model: Dimension.model,
}
WORKER_GROUPS = (
    "success_rate", "completion_rate", "error_rate", "utilization", "tasks_per_hour", "throughput", "response_time",
    "execution_time", "cpu", "memory", "resource_usage", "network_latency", "trust",
)  # fmt: skip
SERIES_GROUPS = (
    "throughput",
    "completion_rate",
    "success_rate",
    "execution_time",
    "queue",
    "network_latency",
    "error_rate",
)


def _reads(definitions: Iterable[Definition], metrics: Iterable[str] = ()) -> Reads:
    """What these figures are made of, and some metrics beside."""
    shown = list(definitions)
    names = [*(name for one in shown for name in one.recipe.spreads), *metrics]
    return Reads(kept_as(names), any(isinstance(one.recipe, Newest) for one in shown))


def _told(definitions: Iterable[Definition], names: Collection[str]) -> Reads:
    return _reads(one for one in definitions if one.name in names)


_QUALITY = (*quality.DEFINITIONS, *quality.NEWEST)
_REPORTED = tuple(one for some in analytics.DEFINITIONS.values() for one in some)
_OWN = (*tasks.DEFINITIONS, *workers.DEFINITIONS, *resources.DEFINITIONS, *questions.DEFINITIONS)
_WHOLE = (*tasks.DEFINITIONS, *system.DEFINITIONS, *resources.DEFINITIONS, *questions.DEFINITIONS)
COUNTS = Reads(frozenset(), lasts=False)
PARTS = Reads(lasts=False)
"""Of phases, operations and the like: all that there is, which is little."""
OF_COMPARED = Reads(COMPARED, lasts=False)
OF_CLASSES = _reads((), (one.spread for one in OF_CLASS if one.spread))
OF_REPOSITORIES = _reads((), (one.spread for one in QUALITY if one.spread))
OF_SYSTEM, OF_ONE = _reads((*_WHOLE, *_REPORTED)), _reads((*_OWN, *_REPORTED), COMPARED)
"""Of the whole, and of an entity alone: the same for performance and analytics, since what one sums up serves both."""
OF_RANKED = _reads(RANKED)
OF_WORKERS = _reads(workers.DEFINITIONS)
OF_QUALITY = _reads(_QUALITY, ("completed_ms",)).with_those_of(OF_REPOSITORIES)
_REPORTED_OVER_TIME = _told(_REPORTED, analytics.TOLD_OVER_TIME)
SYSTEM_OVER_TIME = _told(_WHOLE, TOLD_OVER_TIME).with_those_of(_REPORTED_OVER_TIME)
OVER_TIME = _told(_OWN, TOLD_OVER_TIME).with_those_of(_REPORTED_OVER_TIME)
QUALITY_OVER_TIME = _told(_QUALITY, analytics.TOLD_OVER_TIME)
PACE = _reads((), ("completed_ms",))
"""What single tasks are compared with."""
KNOWN = frozenset().union(
    *(one.spreads or () for one in (OF_SYSTEM, OF_ONE, OF_RANKED, OF_QUALITY, OF_COMPARED)),
    kept_as(("lines_of_code@", "workers_online", "used")),
)
"""Distributions that roll-ups of groups hold; what is not named here is read in any case."""

WORTHWHILE = 0.2
"""Share of the distributions from which on they are left out: what leaves out others is summed up anew."""


@cache
def left_out(reads: Reads) -> tuple[str, ...]:
    """What is not read, as `Stretched.without` names it."""
    lasts = () if reads.lasts else (LASTS,)
    if reads.spreads is None:
        return lasts
    if not reads.spreads:
        return SPREADS, *lasts
    rest = KNOWN - reads.spreads
    return (*(sorted(rest) if len(rest) >= WORTHWHILE * len(KNOWN) else ()), *lasts)


def of_system(wanted: Collection[str], limit: int = USUAL) -> list[Need]:
    """What a report on the whole system needs."""
    needs = _spans(BOTH, Dimension.system, WHOLE, OF_SYSTEM)
    if is_wanted(SERIES_GROUPS, wanted):
        needs.append(Need(Span.series, Dimension.system, WHOLE, SYSTEM_OVER_TIME))
    if is_wanted(WORKER_GROUPS, wanted):
        needs += _spans(BOTH, Dimension.worker, None, OF_WORKERS)
    if is_wanted(("trust",), wanted):
        needs += _spans(BOTH, Dimension.agent, None, COUNTS) + _spans(BOTH, Dimension.model, None, COUNTS)
    if is_wanted(("regressions",), wanted):
        needs += _spans(TOGETHER, Dimension.task_class, None, OF_CLASSES)
        needs += _spans(TOGETHER, Dimension.repository, None, OF_REPOSITORIES)
    return _listed(needs + _of_parts(wanted), LISTED, limit)


def of_entities(
    dimension: Dimension, entities: Sequence[str], wanted: Collection[str], limit: int = USUAL
) -> list[Need]:
    """What a report on workers, repositories, agents or models needs; without names the busiest."""
    named = tuple(entities) or None
    if named is not None and len(named) > 1:
        return _compared(dimension, named, OF_RANKED)
    needs = _listed(_compared(dimension, named, OF_ONE if named else OF_RANKED), {dimension}, limit)
    if dimension is Dimension.worker:
        needs.append(Need(Span.now, Dimension.system, WHOLE, OF_COMPARED))
    if named and is_wanted(SERIES_GROUPS, wanted):
        needs.append(Need(Span.series, dimension, named, OVER_TIME))
    if named and is_wanted(("regressions",), wanted):
        needs.append(Need(Span.history, dimension, named, OF_COMPARED))
    return needs


def _compared(dimension: Dimension, entities: tuple[str, ...] | None, reads: Reads) -> list[Need]:
    """The time before is only the baseline: what is compared is the time itself."""
    now = Need(Span.now, dimension, entities, reads.with_those_of(OF_COMPARED))
    return [now, Need(Span.before, dimension, entities, reads)]


def of_tasks(classes: Sequence[str], phases: Sequence[str]) -> list[Need]:
    """What reports on single tasks of these classes need."""
    wished = ((Dimension.task_class, classes, PACE), (Dimension.phase, phases, PARTS))
    return [need for kind, names, reads in wished if names for need in _spans(TOGETHER, kind, tuple(names), reads)]


def of_analytics(
    dimension: Dimension, entities: Sequence[str], types: Collection[str], limit: int = USUAL
) -> list[Need]:
    """What the figures of these types of analytics need; without types those of all."""
    whole = dimension is Dimension.system
    reads, over_time = (OF_SYSTEM, SYSTEM_OVER_TIME) if whole else (OF_ONE, OVER_TIME)
    if types:
        shown = [one for name in types for one in analytics.DEFINITIONS.get(name, ())]
        # The opening tells how long attempts took.
        reads = _reads((*shown, *(system.DEFINITIONS if whole else ())), ("execution_ms",))
        over_time = _told(shown, analytics.TOLD_OVER_TIME)
    needs = _listed(_spans(BOTH, dimension, tuple(entities) or None, reads), {dimension}, limit)
    return [*needs, Need(Span.series, dimension, tuple(entities), over_time)] if len(entities) == 1 else needs


def of_quality(
    dimension: Dimension, entities: Sequence[str], wanted: Collection[str], limit: int = USUAL
) -> list[Need]:
    """What a quality dashboard needs."""
    named = tuple(entities) or None
    if dimension is Dimension.system:
        named = WHOLE
        needs = _listed(_spans(BOTH, Dimension.repository, None, OF_QUALITY), {Dimension.repository}, limit)
        needs += _spans(BOTH, Dimension.system, WHOLE, OF_QUALITY)
    else:
        needs = _listed(_spans(BOTH, dimension, named, OF_QUALITY), {dimension}, limit)
    if is_wanted(("performance",), wanted):
        needs.append(Need(Span.history, dimension, named, PACE))
    if is_wanted(("regressions",), wanted) and dimension in {Dimension.system, Dimension.repository}:
        of = None if dimension is Dimension.system else named
        needs += _spans(TOGETHER, Dimension.repository, of, OF_REPOSITORIES)
    if is_wanted(("tests",), wanted):
        needs.append(Need(Span.now, Dimension.test, None, COUNTS))
    if named is not None and len(named) == 1:
        needs.append(Need(Span.series, dimension, named, QUALITY_OVER_TIME))
    return needs


def of_decisions() -> list[Need]:
    """What an analysis of decisions needs."""
    return _spans(BOTH, Dimension.system, WHOLE, COUNTS) + _spans(BOTH, Dimension.decision, None, PARTS)


def of_errors(
    fingerprints: Sequence[str], worker_id: str | None, *, include_recovery: bool, include_strategies: bool
) -> list[Need]:
    """What an analysis of these groups of errors needs, perhaps of one worker."""
    needs = _spans((*BOTH, Span.series), Dimension.system, WHOLE, COUNTS)
    if fingerprints:
        needs.append(Need(Span.now, Dimension.error, tuple(fingerprints), COUNTS))
    if worker_id is not None:
        needs += _spans(BOTH, Dimension.worker, (worker_id,), COUNTS)
    if include_recovery:
        needs += _spans(BOTH, Dimension.recovery, None, COUNTS)
    if include_strategies:
        needs += _spans(BOTH, Dimension.strategy, None, COUNTS)
    return needs


def _of_parts(wanted: Collection[str]) -> list[Need]:
    needs: list[Need] = []
    if is_wanted(("phases", "bottlenecks"), wanted):
        needs += _spans(ALL_THREE, Dimension.phase, None, PARTS)
    if is_wanted(("bottlenecks",), wanted):
        needs += _spans(ALL_THREE, Dimension.operation, None, PARTS)
        needs += _spans(BOTH, Dimension.hotspot, None, PARTS) + _spans(BOTH, Dimension.benchmark, None, PARTS)
    if is_wanted(("api_quota",), wanted):
        needs += _spans((Span.now, Span.series), Dimension.quota, None, Reads(frozenset()))
    if is_wanted(("questions",), wanted):
        needs += _spans(BOTH, Dimension.question, None, PARTS)
    return needs


def _listed(needs: Iterable[Need], dimensions: Collection[Dimension], limit: int) -> list[Need]:
    """No fewer are read than are to be listed."""
    return [need._replace(most=limit) if need.dimension in dimensions else need for need in needs]


def _spans(spans: Sequence[Span], dimension: Dimension, entities: tuple[str, ...] | None, reads: Reads) -> list[Need]:
    return [Need(span, dimension, entities, reads) for span in spans]
