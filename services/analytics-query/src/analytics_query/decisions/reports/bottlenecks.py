"""Bottlenecks: phases and operations that are slow against their own history, and hotspots of profiles."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from analytics_query.decisions.reports.comparisons import MINIMUM
from analytics_query.decisions.reports.definitions import Definition, figures_of, is_wanted
from analytics_query.decisions.reports.evident import sum_of
from analytics_query.decisions.reports.ranking import not_shown
from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.decisions.reports.recipes import Mean, Portion, Quantile, Total
from analytics_query.decisions.reports.words import counted, duration, entity_name, probability
from analytics_query.decisions.statistics import SIGNIFICANT
from analytics_query.decisions.statistics.multiplicity import benjamini_hochberg
from analytics_query.decisions.statistics.ranked import Ranked
from analytics_query.decisions.statistics.shifts import SMALL, compare_spreads
from analytics_query.domain.spreads import Spread
from analytics_query.domain.vocabulary import Dimension
from contracts.analytics import Finding, Row, Section
from contracts.base import Level
from contracts.events import Evidence

PHASES, BOTTLENECKS = ("phases",), ("bottlenecks",)
PARTS = (Dimension.operation, Dimension.hotspot, Dimension.benchmark)
Z_LEVELS = ((3.0, Level.high), (1.0, Level.medium))
"""How many deviations of its history the median must have moved for a level; less is low."""
BASIS = (
    "A phase or an operation is slow when its times are significantly longer than in its history (Mann-Whitney, "
    "adjusted for all comparisons); the effect is by how many robust deviations (1.4826 × MAD) of the history its "
    "median has moved."
)

PHASE_FIGURES = (
    Definition("phase_p50", "ms", Quantile("phase_ms", 0.5), PHASES, "lower", source="progress"),
    Definition("phase_p95", "ms", Quantile("phase_ms", 0.95), PHASES, "lower", source="progress"),
    Definition("phase_mean", "ms", Mean("phase_ms"), PHASES, "lower", source="progress"),
)
OPERATION_FIGURES = (
    Definition("calls", "count", Total(("calls",)), BOTTLENECKS, source="tool_call"),
    Definition("call_p50", "ms", Quantile("call_ms", 0.5), BOTTLENECKS, "lower", source="tool_call"),
    Definition("call_p95", "ms", Quantile("call_ms", 0.95), BOTTLENECKS, "lower", source="tool_call"),
    Definition(
        "call_failure_rate", "percent", Portion(("calls_failed",), ("calls",)), BOTTLENECKS, "lower", source="tool_call"
    ),
)
HOTSPOT_FIGURES = (
    Definition("hotspot_share", "percent", Mean("share_percent"), BOTTLENECKS, "lower", source="profile"),
    Definition("hotspot_self_time_p50", "ms", Quantile("self_time_ms", 0.5), BOTTLENECKS, "lower", source="profile"),
    Definition("profiles", "count", Total(("seen",)), BOTTLENECKS, source="profile"),
)
BENCHMARK_FIGURES = (
    Definition("benchmark_p50", "count", Quantile("value@", 0.5), BOTTLENECKS, source="benchmark"),
    Definition("benchmark_ratio", "ratio", Mean("ratio@"), BOTTLENECKS, source="benchmark"),
    Definition("benchmark_worse", "count", Total(("worse@",)), BOTTLENECKS, "lower", source="benchmark"),
)


class Timed(NamedTuple):
    """What has a history of times."""

    dimension: Dimension
    metric: str
    what: str


TIMED = (Timed(Dimension.phase, "phase_ms", "phase"), Timed(Dimension.operation, "call_ms", "operation"))


def phases_section(reading: Reading, wanted: Collection[str], limit: int) -> Section:
    """How long each phase takes, those first in which most time goes."""
    rows = _rows(reading, Dimension.phase, PHASE_FIGURES, wanted, limit, "phase_ms")
    return Section(name="phases", title="Phases", rows=rows, notes=not_shown(reading, Dimension.phase, limit))


def bottlenecks_section(reading: Reading, wanted: Collection[str], limit: int) -> Section:
    """What is slow: against its history, and by the profiles."""
    rows = [
        *_rows(reading, Dimension.operation, OPERATION_FIGURES, wanted, limit, "call_ms"),
        *_rows(reading, Dimension.hotspot, HOTSPOT_FIGURES, wanted, limit, "share_percent"),
        *_rows(reading, Dimension.benchmark, BENCHMARK_FIGURES, wanted, limit, "worse@"),
    ]
    findings = [*slow_findings(reading), *_hotspots(reading)[:5]]
    hidden = [note for kind in PARTS for note in not_shown(reading, kind, limit, kind=kind.value)]
    return Section(name="bottlenecks", title="Bottlenecks", rows=rows, findings=findings, notes=[BASIS, *hidden])


def slow_findings(reading: Reading) -> list[Finding]:
    """Phases and operations that are slow against their own history, the slowest first."""
    compared = [
        made
        for timed in TIMED
        for entity in reading.entities(timed.dimension)
        if (made := _compared(reading, timed, entity))
    ]
    adjusted = benjamini_hochberg([p_value for _, p_value in compared])
    found = [make(p_value) for (make, _), p_value in zip(compared, adjusted, strict=True) if p_value <= SIGNIFICANT]
    return sorted((one for one in found if one is not None), key=lambda one: -(one.effect or 0))


def moved(now: Spread, history: Spread) -> float | None:
    """By how many robust deviations of the history the median has moved; None without any deviation."""
    before = Ranked.of(history)
    middle, deviation, median = before.median, before.deviation, Ranked.of(now).median
    if middle is None or median is None or not deviation:
        return None
    return (median - middle) / deviation


def _compared(reading: Reading, timed: Timed, entity: str) -> tuple[Callable[[float], Finding | None], float] | None:
    now = reading.at(Span.now, timed.dimension, entity).spreads.get(timed.metric, Spread())
    history = reading.at(Span.history, timed.dimension, entity).spreads.get(timed.metric, Spread())
    shift = compare_spreads(now, history)
    if shift is None or min(now.count, history.count) < MINIMUM:
        return None

    def make(p_value: float) -> Finding | None:
        if shift.delta < SMALL:
            return None
        z = moved(now, history)
        level = next((level for bound, level in Z_LEVELS if z is not None and z >= bound), Level.low)
        by = "" if z is None else f", {z:.1f} robust deviations"
        text = (
            f"{timed.what.capitalize()} {entity_name(entity)} is slower than before: median {duration(shift.median)} "
            f"against {duration(shift.other_median)}{by}; {probability(p_value)}; {counted(now.count, 'sample')}."
        )
        return Finding(
            kind="bottleneck",
            severity=level,
            text=text,
            entity_type=timed.dimension.value,
            entity_id=entity_name(entity),
            metric=f"{timed.dimension.value}_p50",
            effect=shift.delta if z is None else round(z, 4),
            effect_measure="cliffs_delta" if z is None else "mads",
            p_value=min(1.0, p_value),
            samples=now.count + history.count,
            evidence=Evidence.reported,
        )

    return make, shift.p_value


def _hotspots(reading: Reading) -> list[Finding]:
    found: list[Finding] = []
    for entity in reading.entities(Dimension.hotspot):
        figures = reading.at(Span.now, Dimension.hotspot, entity)
        share = figures.spreads.get("share_percent", Spread())
        seen = figures.counts.get("seen", share.count)
        if share.mean is None or share.mean < 10:
            continue
        found.append(
            Finding(
                kind="hotspot",
                severity=Level.medium if share.mean >= 25 else Level.low,
                text=f"{entity_name(entity)} takes {share.mean:.0f} % of the time in {counted(seen, 'profile')}.",
                entity_type="hotspot",
                entity_id=entity_name(entity),
                metric="hotspot_share",
                effect=round(share.mean, 2),
                effect_measure="percent",
                samples=seen,
                evidence=Evidence.reported,
            )
        )
    return sorted(found, key=lambda one: -(one.effect or 0))


def _rows(
    reading: Reading,
    dimension: Dimension,
    definitions: tuple[Definition, ...],
    wanted: Collection[str],
    limit: int,
    weight: str,
) -> list[Row]:
    if not is_wanted(definitions[0].groups, wanted):
        return []

    def weigh(entity: str) -> tuple[float, str]:
        return -sum_of(reading.at(Span.now, dimension, entity), weight), entity

    rows = [
        Row(
            entity_type=dimension.value,
            entity_id=entity_name(entity)[:200],
            figures=figures_of(definitions, reading.two(dimension, entity), wanted),
        )
        for entity in sorted(reading.entities(dimension), key=weigh)[:limit]
    ]
    told = [row for row in rows if any(figure.samples for figure in row.figures)]
    return [row.model_copy(update={"rank": rank}) for rank, row in enumerate(told, start=1)]
