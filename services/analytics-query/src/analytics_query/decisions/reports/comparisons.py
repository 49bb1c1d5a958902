"""Which differences between two sets of figures are told: those that are large enough to matter and no chance."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from analytics_query.decisions.reports.evident import kept_as, share_of, spread_of
from analytics_query.decisions.reports.words import amount, counted, probability
from analytics_query.decisions.statistics import SIGNIFICANT
from analytics_query.decisions.statistics.multiplicity import benjamini_hochberg
from analytics_query.decisions.statistics.proportions import compare_shares
from analytics_query.decisions.statistics.shifts import LARGE, MEDIUM, SMALL, compare_spreads, size_of
from analytics_query.domain.rollups import Figures
from contracts.analytics import Direction, Finding
from contracts.base import Level
from contracts.events import Evidence

MINIMUM = 8
"""Samples that each side must have: with fewer, even the clearest difference is hardly significant among many."""
POINTS = (20.0, 10.0, 3.0)
"""Percentage points from which a difference of shares is large, medium, small."""
DELTAS = (LARGE, MEDIUM, SMALL)
LEVELS = (Level.high, Level.medium, Level.low)


class Effect(NamedTuple):
    """What a comparison found, before it is known how many others there are."""

    size: float
    """Positive: the first is higher."""
    measure: str
    p_value: float
    level: Level | None
    """None: too small to matter, whatever its significance."""
    samples: tuple[int, int]
    evidence: str | None
    words: Callable[[], str]
    """Says the two values with the size of the difference: few effects are told."""


class Comparison(NamedTuple):
    """Something that can be compared."""

    name: str
    """The figure that it is about."""
    what: str
    """How it is called in a sentence."""
    groups: tuple[str, ...]
    better: Direction
    compare: Callable[[Figures, Figures], "Effect | TooFew | None"]
    spread: str = ""
    """The distribution that it reads."""


class TooFew(NamedTuple):
    """There is something to compare, but not enough of it."""

    samples: tuple[int, int]


class Difference(NamedTuple):
    """A comparison of an entity that found something, with its adjusted p-value."""

    entity: str
    comparison: Comparison
    effect: Effect
    p_value: float

    @property
    def is_worse(self) -> bool:
        """Whether the first side is the worse one."""
        return (self.effect.size > 0) == (self.comparison.better == "lower")


@dataclass(frozen=True, slots=True)
class Compared:
    """All differences that matter among many comparisons, and how many comparisons could not be made."""

    differences: list[Difference]
    made: int
    too_few: int


class Sides(NamedTuple):
    """Two sets of figures of an entity, or of an entity and of what it is compared with."""

    entity: str
    first: Figures
    second: Figures


def of_spreads(metric: str, unit: str) -> Callable[[Figures, Figures], Effect | TooFew | None]:
    """Compare two distributions by the Mann-Whitney test and Cliff's delta; told in medians, or means in percent."""

    def compare(first: Figures, second: Figures) -> Effect | TooFew | None:
        mine, level = spread_of(first, metric)
        yours, _ = spread_of(second, metric, level)
        samples = (mine.count, yours.count)
        if min(samples) < MINIMUM:
            return TooFew(samples) if all(samples) else None
        shift = compare_spreads(mine, yours)
        if shift is None or mine.mean is None or yours.mean is None:
            return TooFew(samples)
        # Bins are as wide as changes of coverage: its exact means tell more than its medians.
        told = (mine.mean, yours.mean, "mean") if unit == "percent" else (shift.median, shift.other_median, "median")
        words = partial(_said_of_spreads, *told, unit, shift.delta)
        return Effect(shift.delta, "cliffs_delta", shift.p_value, _level(shift.delta, DELTAS), samples, level, words)

    return compare


def of_shares(*hits: str, of: tuple[str, ...]) -> Callable[[Figures, Figures], Effect | TooFew | None]:
    """Compare two shares by Fisher's exact test or the z test; the effect is in percentage points."""

    def compare(first: Figures, second: Figures) -> Effect | TooFew | None:
        mine, level = share_of(first, hits, of)
        yours, _ = share_of(second, hits, of, level)
        samples = (mine.of, yours.of)
        if min(samples) < MINIMUM:
            return TooFew(samples) if all(samples) else None
        difference = compare_shares(mine, yours)
        if difference is None or mine.value is None or yours.value is None:
            return None
        points = 100 * difference.value
        words = partial(_said_of_shares, mine.value, yours.value, difference.low, difference.high)
        return Effect(points, "percentage_points", difference.p_value, _level(points, POINTS), samples, level, words)

    return compare


def compare_all(sides: Iterable[Sides], comparisons: Sequence[Comparison]) -> Compared:
    """The differences that are significant after Benjamini and Hochberg's correction and large enough, worst first."""
    effects: list[tuple[str, Comparison, Effect]] = []
    too_few = 0
    for entity, first, second in sides:
        for comparison in comparisons:
            found = comparison.compare(first, second)
            if isinstance(found, Effect):
                effects.append((entity, comparison, found))
            too_few += isinstance(found, TooFew)
    adjusted = benjamini_hochberg([effect.p_value for _, _, effect in effects])
    differences = [
        Difference(entity, comparison, effect, p_value)
        for (entity, comparison, effect), p_value in zip(effects, adjusted, strict=True)
        if p_value <= SIGNIFICANT and effect.level is not None
    ]
    differences.sort(key=lambda one: (not one.is_worse, LEVELS.index(one.effect.level or Level.low), one.p_value))
    return Compared(differences, len(effects), too_few)


def finding_of(difference: Difference, kind: str, text: str, entity_type: str) -> Finding:
    """A difference as a finding; `text` is its sentence without the figures."""
    effect = difference.effect
    first, second = effect.samples
    evidence = f"; {effect.evidence}" if effect.evidence else ""
    rest = (
        f"{effect.words()}; {probability(difference.p_value)} among all comparisons; {first:,} and {second:,} samples"
    )
    return Finding(
        kind=kind,
        severity=effect.level or Level.low,
        text=f"{text}: {rest}{evidence}.",
        entity_type=entity_type,
        entity_id=difference.entity,
        metric=difference.comparison.name,
        effect=round(effect.size, 4),
        effect_measure=effect.measure,
        p_value=min(1.0, difference.p_value),
        samples=first + second,
        evidence=Evidence(effect.evidence) if effect.evidence else None,
    )


def note_of(compared: Compared) -> list[str]:
    """What was not told, and why."""
    notes = [
        f"{counted(compared.made, 'comparison')} made; told are those with an effect that matters and an adjusted "
        f"p-value up to {SIGNIFICANT} (Benjamini-Hochberg)."
    ]
    if compared.too_few:
        notes.append(f"{counted(compared.too_few, 'comparison')} not made: fewer than {MINIMUM} samples on one side.")
    return notes


def _said_of_spreads(one: float, other: float, name: str, unit: str, delta: float) -> str:
    size = f"Cliff's delta {delta:+.2f}, {size_of(delta)}"
    return f"{name} {amount(one, unit)} against {amount(other, unit)}{_times(one, other, unit)}; {size}"


def _said_of_shares(one: float, other: float, low: float, high: float) -> str:
    return (
        f"{amount(100 * one, 'percent')} against {amount(100 * other, 'percent')}; {100 * (one - other):+.1f} "
        f"percentage points, 95 % interval {100 * low:+.1f} to {100 * high:+.1f}"
    )


def _times(one: float, other: float, unit: str) -> str:
    if unit != "ms" or one <= 0 or other <= 0:
        return ""
    return f", {one / other:.1f} × as long" if one >= other else f", {other / one:.1f} × as fast"


def _level(size: float, bounds: tuple[float, ...]) -> Level | None:
    return next((level for bound, level in zip(bounds, LEVELS, strict=True) if abs(size) >= bound), None)


SUCCESS = Comparison(
    "success_rate",
    "success rate of attempts",
    ("success_rate", "completion_rate", "error_rate"),
    "higher",
    of_shares("attempts_completed", of=("attempts_ended",)),
)
EXECUTION = Comparison(
    "execution_time_p50",
    "time of completed attempts",
    ("execution_time", "performance"),
    "lower",
    of_spreads("completed_ms", "ms"),
    "completed_ms",
)
PERFORMANCE = (
    EXECUTION,
    SUCCESS,
    Comparison(
        "response_time_p50",
        "response time",
        ("response_time",),
        "lower",
        of_spreads("response_ms", "ms"),
        "response_ms",
    ),
    Comparison(
        "memory_peak_p50",
        "peak memory",
        ("memory", "resource_usage"),
        "lower",
        of_spreads("memory_peak_mb@", "mb"),
        "memory_peak_mb@",
    ),
    Comparison(
        "cost_per_attempt_p50", "cost of an attempt", ("cost",), "lower", of_spreads("cost_usd@", "usd"), "cost_usd@"
    ),
    Comparison(
        "trust_score", "share of claims that held", ("trust",), "higher", of_shares("claims_agreed", of=("claims",))
    ),
)
QUALITY = (
    Comparison(
        "line_coverage",
        "line coverage",
        ("coverage",),
        "higher",
        of_spreads("line_coverage@", "percent"),
        "line_coverage@",
    ),
    Comparison(
        "branch_coverage",
        "branch coverage",
        ("coverage",),
        "higher",
        of_spreads("branch_coverage@", "percent"),
        "branch_coverage@",
    ),
    Comparison(
        "cyclomatic_complexity",
        "cyclomatic complexity",
        ("complexity",),
        "lower",
        of_spreads("cyclomatic@", "count"),
        "cyclomatic@",
    ),
    Comparison(
        "cognitive_complexity",
        "cognitive complexity",
        ("complexity",),
        "lower",
        of_spreads("cognitive@", "count"),
        "cognitive@",
    ),
    Comparison(
        "maintainability_index",
        "maintainability index",
        ("maintainability",),
        "higher",
        of_spreads("maintainability@", "score"),
        "maintainability@",
    ),
    Comparison(
        "test_pass_rate",
        "test pass rate",
        ("tests",),
        "higher",
        of_shares("tests_passed@", of=("tests_passed@", "tests_failed@")),
    ),
)
COMPARED = kept_as(one.spread for one in (*PERFORMANCE, *QUALITY) if one.spread)
"""The distributions that are compared."""
