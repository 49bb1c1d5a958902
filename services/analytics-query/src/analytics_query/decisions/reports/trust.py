"""Reported against observed against verified: how far the word of a worker, an agent or a model can be relied on."""

from collections.abc import Collection

from analytics_query.decisions.reports.definitions import Definition, Two, figures_of
from analytics_query.decisions.reports.ranking import by_work, not_shown
from analytics_query.decisions.reports.reading import Reading
from analytics_query.decisions.reports.recipes import Portion, Total
from analytics_query.decisions.reports.words import counted, listed
from analytics_query.domain.vocabulary import Dimension
from contracts.analytics import Finding, Row, Section
from contracts.base import Level

GROUP = ("trust",)
TRUST = Definition(
    "trust_score",
    "score",
    Portion(("claims_agreed",), ("claims",), lower_bound=True),
    GROUP,
    "higher",
    source="outcome: claimed against observed and verified",
)
DEFINITIONS = (
    TRUST,
    Definition("claims_agreed_rate", "percent", Portion(("claims_agreed",), ("claims",)), GROUP, "higher"),
    Definition("claims_checked", "count", Total(("claims",)), GROUP),
    Definition("claims_disagreed", "count", Total(("claims_disagreed",)), GROUP, "lower"),
    Definition(
        "verification_pass_rate",
        "percent",
        Portion(("verified_passed",), ("verified_passed", "verified_failed")),
        GROUP,
        "higher",
        source="outcome: verified",
    ),
)
WHOM = (Dimension.worker, Dimension.agent, Dimension.model)
NOTE = (
    "Trust is the lower end of the 95 % Wilson interval of the claims that agreed with what was observed and verified, "
    "times 100: who has been checked a few times only cannot have a high score yet."
)


def trust_section(reading: Reading, two: Two, wanted: Collection[str], limit: int) -> Section:
    """How many claims held, for the whole and by worker, agent and model."""
    rows: list[Row] = []
    hidden: list[str] = []
    for dimension in WHOM:
        rows += _rows(reading, dimension, wanted, limit)
        hidden += not_shown(reading, dimension, limit, kind=dimension.value)
    return Section(
        name="trust",
        title="Trust",
        figures=figures_of(DEFINITIONS, two, wanted),
        rows=rows,
        findings=_disagreeing(rows),
        notes=[NOTE, *hidden],
    )


def disagreement(subject: str, entity_id: str, sentences: list[str]) -> Finding:
    """What was claimed in one attempt and did not hold."""
    return Finding(
        kind="disagreement",
        severity=Level.high,
        text=f"{subject}: {'; '.join(sentences)}"[:2_000],
        entity_type="task",
        entity_id=entity_id,
        samples=len(sentences),
    )


def _rows(reading: Reading, dimension: Dimension, wanted: Collection[str], limit: int) -> list[Row]:
    made: list[Row] = []
    for entity in by_work(reading, dimension):
        two = reading.two(dimension, entity)
        if two.now.counts.get("claims"):
            made.append(
                Row(
                    entity_type=dimension.value,
                    entity_id=entity[:200],
                    figures=figures_of(DEFINITIONS, two, wanted),
                )
            )
    made.sort(key=lambda row: (-_score(row), row.entity_id))
    return [row.model_copy(update={"rank": rank}) for rank, row in enumerate(made[:limit], start=1)]


def _score(row: Row) -> float:
    return next((figure.value or 0.0 for figure in row.figures if figure.name == TRUST.name), 0.0)


def _disagreeing(rows: list[Row]) -> list[Finding]:
    """Whose claims failed, in one sentence."""
    failed = [
        (row.entity_id, int(figure.value))
        for row in rows
        if row.entity_type == "worker"
        for figure in row.figures
        if figure.name == "claims_disagreed" and figure.value
    ]
    if not failed:
        return []
    many = sum(count for _, count in failed)
    whose = listed([f"{name} ({count})" for name, count in sorted(failed, key=lambda one: -one[1])])
    text = f"{counted(many, 'claim')} did not hold when checked, of {whose}."
    return [Finding(kind="disagreement", severity=Level.high, text=text, metric="claims_disagreed", samples=many)]
