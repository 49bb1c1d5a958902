"""Every figure that reports can show, in the order of the document that explains them."""

from collections.abc import Iterator
from typing import NamedTuple

from analytics_query.decisions.reports import (
    attempts,
    bottlenecks,
    decisions,
    errors,
    quality,
    questions,
    quotas,
    resources,
    system,
    tasks,
    trends,
    trust,
    workers,
)
from analytics_query.decisions.reports.definitions import Definition, Named

BOOKS = "the platform's books"
BEST = "best of verified, observed, reported"
SUBJECTS: dict[str, tuple[Definition | Named, ...]] = {
    "Tasks": tasks.DEFINITIONS,
    "Workers": workers.DEFINITIONS,
    "System": system.DEFINITIONS,
    "Phases": bottlenecks.PHASE_FIGURES,
    "Operations, hotspots and benchmarks": (
        *bottlenecks.OPERATION_FIGURES,
        *bottlenecks.HOTSPOT_FIGURES,
        *bottlenecks.BENCHMARK_FIGURES,
    ),
    "Quality": (*quality.DEFINITIONS, *quality.NEWEST, quality.RATING, quality.PERFORMANCE_SCORE),
    "Single tasks": attempts.NAMED,
    "Trends": tuple(trend.told_as for trend in trends.TRENDS),
    "Resources": resources.DEFINITIONS,
    "API quotas": quotas.NAMED,
    "Errors": (errors.RECOVERY, errors.BUDGET),
    "Decisions": (decisions.SUCCESS, decisions.OTHERS),
    "Trust": trust.DEFINITIONS,
    "Questions": questions.DEFINITIONS,
}


class Entry(NamedTuple):
    """A figure as its document shows it."""

    name: str
    unit: str
    better: str
    formula: str
    evidence: str
    minimum: int
    source: str
    groups: tuple[str, ...]


def entries(subject: str) -> Iterator[Entry]:
    """The figures of a subject."""
    for one in SUBJECTS[subject]:
        formula, by_evidence = (
            (one.formula, one.by_evidence)
            if isinstance(one, Named)
            else (one.formula or one.recipe.formula, one.recipe.by_evidence)
        )
        evidence = BEST if by_evidence else f"{one.claimed} ({one.source})" if one.claimed else BOOKS
        yield Entry(
            one.name,
            one.unit,
            one.better or "–",
            formula,
            evidence,
            one.minimum,
            one.source or "news of the services",
            one.groups,
        )


def to_markdown() -> str:
    """The tables of `docs/analytics.md`."""
    return "\n".join(line for subject in SUBJECTS for line in _table(subject))


def _table(subject: str) -> list[str]:
    head = ["| figure | unit | better | formula | evidence | min. samples | source |", "|---|---|---|---|---|---|---|"]
    rows = [
        f"| `{one.name}` | {one.unit} | {one.better} | {one.formula} | {one.evidence} | {one.minimum} | {one.source} |"
        for one in entries(subject)
    ]
    return [f"### {subject}", "", *head, *rows, ""]
