"""Figures by evidence: of what is kept at several levels, the best that has anything.

A metric that is written with a final `@` is kept by evidence, under its name with each level.
"""

from collections.abc import Iterable

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
    return sum(
        figures.counts.get(metric + (evidence or "") if metric.endswith("@") else metric, 0) for metric in metrics
    )


def level_of(figures: Figures, metrics: tuple[str, ...]) -> str | None:
    """The best level of evidence at which any of the counts is not zero."""
    by_evidence = [metric for metric in metrics if metric.endswith("@")]
    if not by_evidence:
        return None
    for level in LEVELS:
        if any(figures.counts.get(metric + level) for metric in by_evidence):
            return level
    return None


def spread_of(figures: Figures, metric: str, evidence: str | None = None) -> tuple[Spread, str | None]:
    """A distribution, and the level of evidence that it rests on; an empty one where there is none."""
    for name, level in names_of(metric, evidence):
        spread = figures.spreads.get(name)
        if spread is not None and spread.count > 0:
            return spread, level
    return Spread(), None


def sum_of(figures: Figures, metric: str) -> float:
    """The exact sum of a distribution's values."""
    return spread_of(figures, metric)[0].micros / MICRO


def kept_as(metrics: Iterable[str]) -> frozenset[str]:
    """All names under which metrics are kept."""
    return frozenset(name for metric in metrics for name, _ in names_of(metric, None))


def names_of(metric: str, evidence: str | None) -> list[tuple[str, str | None]]:
    """The names under which a metric is kept, with the level of each, best first."""
    if not metric.endswith("@"):
        return [(metric, None)]
    return [(metric + level, level) for level in ((evidence,) if evidence else LEVELS)]
