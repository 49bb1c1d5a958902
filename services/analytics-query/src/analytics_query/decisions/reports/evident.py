"""Figures by evidence: of what is kept at several levels, the best that has anything.

A metric that is written with a final `@` is kept by evidence, under its name with each level.
"""

from collections.abc import Iterable
from functools import cache

from analytics_query.decisions.statistics.proportions import Share
from analytics_query.domain.rollups import Figures
from analytics_query.domain.spreads import MICRO, Spread

LEVELS = ("verified", "observed", "reported")
"""Of evidence, best first."""


def share_of(
    figures: Figures, hits: tuple[str, ...], of: tuple[str, ...], evidence: str | None = None
) -> tuple[Share, str | None]:
    """A share, and the level of evidence that it rests on (None: it is not kept by evidence)."""
    level = evidence or level_of(figures, of)
    whole = counted(figures, of, level)
    return Share(min(counted(figures, hits, level), whole), whole), level


def counted(figures: Figures, metrics: tuple[str, ...], evidence: str | None) -> int:
    """The sum of counts; those kept by evidence at the given level."""
    counts = figures.counts
    return sum([counts.get(name, 0) for name in _counted_as(metrics, evidence)])


def level_of(figures: Figures, metrics: tuple[str, ...]) -> str | None:
    """The best level of evidence at which any of the counts is not zero."""
    for level, names in _levels(metrics):
        if any(map(figures.counts.get, names)):
            return level
    return None


def spread_of(figures: Figures, metric: str, evidence: str | None = None) -> tuple[Spread, str | None]:
    """A distribution, and the level of evidence that it rests on; an empty one where there is none."""
    spreads = figures.spreads
    for name, level in names_of(metric, evidence):
        if name in spreads and (spread := spreads[name]).count > 0:
            return spread, level
    return Spread(), None


def best_of(figures: Figures, metric: str) -> str:
    """The name under which the distribution is kept that `spread_of` would take."""
    level = spread_of(figures, metric)[1]
    return metric + level if level else metric


def sum_of(figures: Figures, metric: str) -> float:
    """The exact sum of a distribution's values."""
    return spread_of(figures, metric)[0].micros / MICRO


def kept_as(metrics: Iterable[str]) -> frozenset[str]:
    """All names under which metrics are kept."""
    return frozenset(name for metric in metrics for name, _ in names_of(metric, None))


@cache
def names_of(metric: str, evidence: str | None) -> tuple[tuple[str, str | None], ...]:
    """The names under which a metric is kept, with the level of each, best first."""
    if not metric.endswith("@"):
        return ((metric, None),)
    return tuple((metric + level, level) for level in ((evidence,) if evidence else LEVELS))


@cache
def _counted_as(metrics: tuple[str, ...], evidence: str | None) -> tuple[str, ...]:
    return tuple(metric + (evidence or "") if metric.endswith("@") else metric for metric in metrics)


@cache
def _levels(metrics: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """By level, best first, the names of the counts that are kept by evidence."""
    by_evidence = [metric for metric in metrics if metric.endswith("@")]
    return tuple((level, tuple(metric + level for metric in by_evidence)) for level in LEVELS if by_evidence)
