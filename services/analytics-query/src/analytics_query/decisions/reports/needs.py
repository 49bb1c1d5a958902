"""Which roll-ups each report needs: no more than what was asked for takes."""

from collections.abc import Collection, Iterable, Sequence

from analytics_query.decisions.reports import quality, questions, resources, system, tasks, workers
from analytics_query.decisions.reports.bottlenecks import BENCHMARK_FIGURES, HOTSPOT_FIGURES
from analytics_query.decisions.reports.comparisons import PERFORMANCE, QUALITY
from analytics_query.decisions.reports.definitions import is_wanted
from analytics_query.decisions.reports.evident import LEVELS
from analytics_query.decisions.reports.performance import RANKED, TOLD_OVER_TIME
from analytics_query.decisions.reports.reading import Need, Reads, Span
from analytics_query.domain.vocabulary import SYSTEM, Dimension
from contracts.analytics import EntityType

WHOLE = (SYSTEM,)
RANKED_BY = dict.fromkeys(Dimension, "attempts_ended") | {
    Dimension.phase: "phase_ms",
    Dimension.operation: "calls",
    Dimension.hotspot: "seen",
    Dimension.benchmark: "value@reported,value@observed",
    Dimension.test: "flaky",
    Dimension.quota: "used",
    Dimension.error: "errors",
    Dimension.error_type: "errors",
    Dimension.recovery: "tried",
    Dimension.strategy: "tried",
    Dimension.decision: "decisions",
    Dimension.question: "questions_asked",
}
"""By which metrics, separated by commas, the busiest entities of a dimension are found."""
RANKED_BY_SPREADS = frozenset({Dimension.phase, Dimension.benchmark, Dimension.quota})
"""Where these metrics are distributions."""
OF_PARTS = (*HOTSPOT_FIGURES, *BENCHMARK_FIGURES, *questions.DEFINITIONS)
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


def left_out(need: Need) -> tuple[str, ...]:
    """The distributions that are not read: of many entities no more than is compared or ranked by."""
    if need.reads is Reads.counts:
        needed: Collection[str] = ()
    elif need.reads is Reads.over_time:
        needed = OVER_TIME
    elif need.span is Span.history or need.reads is Reads.compared:
        needed = COMPARED
    elif need.reads is Reads.ranked:
        needed = OF_MANY
    elif need.entities is not None:
        return ()
    else:
        needed = {Dimension.task_class: COMPARED, Dimension.repository: OF_REPOSITORIES}.get(need.dimension, OF_MANY)
    return tuple(sorted(KNOWN - set(needed)))


def _evident(metrics: Iterable[str]) -> tuple[str, ...]:
    """Names as they are kept: those by evidence at each level."""
    names = (metric + level for metric in metrics for level in (LEVELS if metric.endswith("@") else ("",)))
    return tuple(dict.fromkeys(names))


_TIMES = ("phase_ms", "call_ms")
_COMPARED = tuple(one.spread for one in (*PERFORMANCE, *QUALITY) if one.spread)
COMPARED = _evident((*_COMPARED, *_TIMES, *(name for one in workers.DEFINITIONS for name in one.recipe.spreads)))
"""With what is shown of many workers."""
OVER_TIME = _evident(
    name
    for one in (*tasks.DEFINITIONS, *system.DEFINITIONS, *workers.DEFINITIONS)
    if one.name in TOLD_OVER_TIME
    for name in one.recipe.spreads
)
OF_REPOSITORIES = _evident(
    (*_COMPARED, *(name for one in (*quality.DEFINITIONS, *quality.NEWEST) for name in one.recipe.spreads))
)
OF_MANY = _evident(
    (
        *_COMPARED,
        *_TIMES,
        *(name for one in (*RANKED, *quality.DEFINITIONS) for name in one.recipe.spreads),
        *(name for one in OF_PARTS for name in one.recipe.spreads),
        "confidence_percent",
    )
)


KNOWN = frozenset(
    _evident(
        (
            *_COMPARED,
            *(
                name
                for one in (*tasks.DEFINITIONS, *system.DEFINITIONS, *workers.DEFINITIONS, *resources.DEFINITIONS)
                for name in one.recipe.spreads
            ),
            *(name for one in (*quality.DEFINITIONS, *quality.NEWEST) for name in one.recipe.spreads),
            *("lines_of_code@", "requests@", "connections_max@", "duplication@", "line_coverage_delta@"),
        )
    )
)
"""What roll-ups of groups hold; what is not named here is read in any case."""


def of_system(wanted: Collection[str]) -> list[Need]:
    """What a report on the whole system needs."""
    needs = _spans(BOTH, Dimension.system, WHOLE)
    if is_wanted(SERIES_GROUPS, wanted):
        needs.append(Need(Span.series, Dimension.system, WHOLE, Reads.over_time))
    if is_wanted(WORKER_GROUPS, wanted):
        needs += [need._replace(reads=Reads.compared) for need in _spans(BOTH, Dimension.worker)]
    if is_wanted(("trust",), wanted):
        checked = _spans(BOTH, Dimension.agent) + _spans(BOTH, Dimension.model)
        needs += [need._replace(reads=Reads.counts) for need in checked]
    if is_wanted(("regressions",), wanted):
        compared = _spans(TOGETHER, Dimension.task_class) + _spans(TOGETHER, Dimension.repository)
        needs += [need._replace(reads=Reads.compared) for need in compared]
    return needs + _of_parts(wanted)


def of_entities(dimension: Dimension, entities: Sequence[str], wanted: Collection[str]) -> list[Need]:
    """What a report on workers, repositories, agents or models needs; without names the busiest."""
    named = tuple(entities) or None
    if named is not None and len(named) > 1:
        return [need._replace(reads=Reads.ranked) for need in _spans(BOTH, dimension, named)]
    needs = _spans(BOTH, dimension, named)
    if dimension is Dimension.worker:
        needs.append(Need(Span.now, Dimension.system, WHOLE, Reads.compared))
    if named and is_wanted(SERIES_GROUPS, wanted):
        needs.append(Need(Span.series, dimension, named, Reads.over_time))
    if named and is_wanted(("regressions",), wanted):
        needs.append(Need(Span.history, dimension, named))
    return needs


def of_quality(dimension: Dimension, entities: Sequence[str], wanted: Collection[str]) -> list[Need]:
    """What a quality dashboard needs."""
    named = tuple(entities) or None
    if dimension is Dimension.system:
        needs = _spans(BOTH, Dimension.system, WHOLE) + _spans(BOTH, Dimension.repository)
        named = WHOLE
    else:
        needs = _spans(BOTH, dimension, named)
    if is_wanted(("performance",), wanted):
        needs.append(Need(Span.history, dimension, named))
    if is_wanted(("regressions",), wanted) and dimension in {Dimension.system, Dimension.repository}:
        needs += _spans(TOGETHER, Dimension.repository, None if dimension is Dimension.system else named)
    if is_wanted(("tests",), wanted):
        needs.append(Need(Span.now, Dimension.test))
    if named is not None and len(named) == 1:
        needs.append(Need(Span.series, dimension, named))
    return _distinct(needs)


def of_decisions() -> list[Need]:
    """What an analysis of decisions needs."""
    return _spans(BOTH, Dimension.system, WHOLE) + _spans(BOTH, Dimension.decision)


def of_errors(fingerprints: Sequence[str], include_recovery: bool) -> list[Need]:
    """What an analysis of these groups of errors needs."""
    spans = (*BOTH, Span.series)
    needs = [need._replace(reads=Reads.counts) for need in _spans(spans, Dimension.system, WHOLE)]
    if fingerprints:
        needs.append(Need(Span.now, Dimension.error, tuple(fingerprints)))
    if include_recovery:
        needs += _spans(BOTH, Dimension.recovery) + _spans(BOTH, Dimension.strategy)
    return needs


def _of_parts(wanted: Collection[str]) -> list[Need]:
    needs: list[Need] = []
    if is_wanted(("phases", "bottlenecks"), wanted):
        needs += _spans(ALL_THREE, Dimension.phase)
    if is_wanted(("bottlenecks",), wanted):
        needs += _spans(ALL_THREE, Dimension.operation)
        needs += _spans(BOTH, Dimension.hotspot) + _spans(BOTH, Dimension.benchmark)
    if is_wanted(("api_quota",), wanted):
        needs += [Need(Span.now, Dimension.quota), Need(Span.series, Dimension.quota)]
    if is_wanted(("questions",), wanted):
        needs += _spans(BOTH, Dimension.question)
    return needs


def _spans(spans: Sequence[Span], dimension: Dimension, entities: tuple[str, ...] | None = None) -> list[Need]:
    return [Need(span, dimension, entities) for span in spans]


def _distinct(needs: Sequence[Need]) -> list[Need]:
    return list(dict.fromkeys(needs))
