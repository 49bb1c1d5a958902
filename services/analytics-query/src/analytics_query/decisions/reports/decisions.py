"""Decisions: which are made, how their attempts end, and which are taken back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics_query.decisions.reports.comparisons import MINIMUM
from analytics_query.decisions.reports.definitions import Definition, Two
from analytics_query.decisions.reports.evident import spread_of
from analytics_query.decisions.reports.reading import Reading
from analytics_query.decisions.reports.recipes import Portion
from analytics_query.decisions.reports.words import amount, counted, listed, probability
from analytics_query.decisions.statistics import SIGNIFICANT
from analytics_query.decisions.statistics.multiplicity import benjamini_hochberg
from analytics_query.decisions.statistics.proportions import Share, compare_shares
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import Dimension
from contracts.analytics import DecisionPattern, DecisionView, Figure

GROUP = ("decisions",)
SUCCESS = Definition(
    "decision_success_rate",
    "percent",
    Portion(("attempts_completed",), ("attempts",)),
    GROUP,
    "higher",
    source="decision",
)
OTHERS = Definition(
    "others_success_rate",
    "percent",
    Portion(("attempts_completed",), ("attempts",)),
    GROUP,
    "higher",
    source="decision",
    formula="100 × (`attempts_completed` of the system − those with such a decision) ÷ (`attempts_ended` − those)",
)


@dataclass(frozen=True, slots=True)
class KnownDecision:
    """A decision as its table has it, and how its attempt ended."""

    event_id: str
    task_id: str | None
    attempt: int | None
    worker_id: str
    decision_type: str
    decided_at: datetime
    seq: int
    body: dict[str, Any]
    outcome: str | None


def patterns_of(reading: Reading, only: str | None = None) -> list[DecisionPattern]:
    """Decisions by type, the most frequent first."""
    system = reading.system
    made = [
        _pattern(decision_type, reading.two(Dimension.decision, decision_type), system)
        for decision_type in reading.entities(Dimension.decision)
        if only is None or decision_type == only
    ]
    return sorted((one for one in made if one.count), key=lambda one: (-one.count, one.decision_type))


def patterns_among(decisions: Sequence[KnownDecision]) -> list[DecisionPattern]:
    """The same of some decisions alone, such as those of one task."""
    types = sorted({one.decision_type for one in decisions})
    whole = _figures_among(decisions)
    found = [
        _pattern(
            name,
            _only(_figures_among([one for one in decisions if one.decision_type == name])),
            _only(_as_ended(whole)),
        )
        for name in types
    ]
    return sorted(found, key=lambda one: (-one.count, one.decision_type))


def shown(
    decisions: Sequence[KnownDecision], include_reasoning: bool, reversed_by: Mapping[str, str]
) -> list[DecisionView]:
    """Decisions as the answer has them."""
    return [_view(one, include_reasoning, reversed_by.get(one.event_id)) for one in decisions]


def taken_back(decisions: Iterable[KnownDecision]) -> dict[str, str]:
    """Which earlier decision of its attempt each one takes back, if any, by id: as reversals are counted.

    It chooses what was rejected when it was last considered, or decides otherwise about what was decided before.
    """
    considered: dict[tuple[Any, ...], tuple[str, bool]] = {}
    decided: dict[tuple[Any, ...], tuple[str, str]] = {}
    found: dict[str, str] = {}
    for one in sorted(decisions, key=lambda one: (one.seq, one.event_id)):
        whose = (one.task_id, one.attempt, one.worker_id, one.decision_type)
        chosen, subject = _meant(one.body.get("chosen_option")), _meant(one.body.get("description"))
        earlier, before = decided.get((*whose, subject)), considered.get((*whose, chosen))
        if subject and earlier is not None and earlier[1] != chosen:
            found[one.event_id] = earlier[0]
        elif before is not None and not before[1]:
            found[one.event_id] = before[0]
        for rejected in one.body.get("alternatives", ()):
            considered[(*whose, _meant(rejected))] = (one.event_id, False)
        considered[(*whose, chosen)] = (one.event_id, True)
        decided[(*whose, subject)] = (one.event_id, chosen)
    return found


def summary_of(patterns: Sequence[DecisionPattern]) -> list[str]:
    """What matters about the decisions, in words."""
    total = sum(one.count for one in patterns)
    if not total:
        return ["No decision was reported in this time."]
    named = listed([f"{one.decision_type} ({one.count:,})" for one in patterns])
    said = [f"{counted(total, 'decision')}: {named}.", *_outcomes(patterns)]
    reversals = sum(one.reversals for one in patterns)
    if reversals:
        often = max(patterns, key=lambda one: one.reversals)
        said.append(
            f"{counted(reversals, 'decision was', 'decisions were')} taken back, most of type {often.decision_type}."
        )
    return said


def _outcomes(patterns: Sequence[DecisionPattern]) -> list[str]:
    """Types whose attempts end significantly better or worse than those without."""
    compared = [
        (one, found)
        for one in patterns
        if min(one.success.samples, one.others_success.samples) >= MINIMUM
        and (found := compare_shares(_share(one.success), _share(one.others_success)))
    ]
    adjusted = benjamini_hochberg([found.p_value for _, found in compared])
    return [
        f"Attempts with {one.decision_type} decisions complete {'more' if found.value > 0 else 'less'} often than "
        f"those without: {amount(one.success.value or 0, 'percent')} against "
        f"{amount(one.others_success.value or 0, 'percent')} "
        f"({one.success.samples:,} and {one.others_success.samples:,} attempts, {probability(p_value)}). "
        "That they go together does not say that one causes the other."
        for (one, found), p_value in zip(compared, adjusted, strict=True)
        if p_value <= SIGNIFICANT
    ]


def _meant(text: str | None) -> str:
    return " ".join((text or "").split()).casefold().rstrip(".")


def _share(figure: Figure) -> Share:
    return Share(round((figure.value or 0) * figure.samples / 100), figure.samples)


def _pattern(decision_type: str, two: Two, system: Two) -> DecisionPattern:
    counts = two.now.counts
    count = max(0, counts.get("decisions", 0))
    confidence, _ = spread_of(two.now, "confidence_percent")
    return DecisionPattern(
        decision_type=decision_type[:200],
        count=count,
        attempts=max(0, counts.get("attempts", 0)),
        completed=max(0, counts.get("attempts_completed", 0)),
        success=SUCCESS.figure(two),
        others_success=OTHERS.figure(_others(two, system)),
        alternatives_mean=round(counts.get("alternatives", 0) / count, 2) if count else None,
        confidence_mean=None if confidence.mean is None else round(confidence.mean, 1),
        reversals=max(0, counts.get("reversals", 0)),
    )


def _others(two: Two, system: Two) -> Two:
    return Two(_without(system.now, two.now), _without(system.before, two.before), system.hours, system.hours_before)


def _without(whole: Figures, part: Figures) -> Figures:
    ended = max(0, whole.counts.get("attempts_ended", 0) - part.counts.get("attempts", 0))
    completed = max(0, whole.counts.get("attempts_completed", 0) - part.counts.get("attempts_completed", 0))
    return Figures(counts={"attempts": ended, "attempts_completed": min(ended, completed)})


def _figures_among(decisions: Sequence[KnownDecision]) -> Figures:
    ended = {(one.task_id, one.attempt, one.worker_id): one.outcome for one in decisions if one.outcome is not None}
    return Figures(
        counts={
            "decisions": len(decisions),
            "alternatives": sum(len(one.body.get("alternatives", ())) for one in decisions),
            "attempts": len(ended),
            "attempts_completed": sum(outcome == "completed" for outcome in ended.values()),
        }
    )


def _as_ended(figures: Figures) -> Figures:
    return Figures(counts={**figures.counts, "attempts_ended": figures.counts["attempts"]})


def _only(figures: Figures) -> Two:
    return Two(figures, Figures(), 0.0, 0.0)


def _view(one: KnownDecision, include_reasoning: bool, reverses: str | None) -> DecisionView:
    body = one.body
    return DecisionView(
        event_id=one.event_id,
        task_id=one.task_id,
        attempt=one.attempt,
        worker_id=one.worker_id,
        decision_type=one.decision_type[:200],
        description=body.get("description"),
        chosen_option=body.get("chosen_option", ""),
        alternatives=body.get("alternatives", []),
        reasoning=body.get("reasoning") if include_reasoning else None,
        impact_assessment=body.get("impact_assessment"),
        confidence_percent=body.get("confidence_percent"),
        decided_at=one.decided_at,
        outcome=one.outcome,
        reverses=reverses,
    )
