"""How an event changes the facts of its attempt: the same facts whatever the order of the events."""

from collections.abc import Callable, Iterable
from typing import Any

from analytics_query.domain.facts import Facts, Reached, Told
from contracts.events import Event
from contracts.telemetry import MilestoneFact

Change = dict[str, Any]


def fold(facts: Facts, events: Iterable[Event]) -> Facts:
    """The facts of an attempt after these events of it."""
    for event in events:
        facts = facts.model_copy(update=_counted(facts, event) | _CHANGES.get(event.kind, _nothing)(facts, event))
    return facts


def _counted(facts: Facts, event: Event) -> Change:
    newest = max(facts.updated_at or event.occurred_at, event.occurred_at)
    return {"events": _one_more(facts.events, event.kind), "updated_at": newest}


def _nothing(_facts: Facts, _event: Any) -> Change:
    return {}


def _progress(facts: Facts, event: Any) -> Change:
    return {"progress": _newest(facts.progress, event, event.body.to_dict())}


def _tests(facts: Facts, event: Any) -> Change:
    return {"tests": _newest(facts.tests, event, event.body.to_dict())}


def _outcome(facts: Facts, event: Any) -> Change:
    return {"outcome": _newest(facts.outcome, event, event.body.to_dict())}


def _analytics(facts: Facts, event: Any) -> Change:
    name = event.body.analytics_type.value
    return {"analytics": facts.analytics | {name: _newest(facts.analytics.get(name), event, event.body.data)}}


def _error(facts: Facts, event: Any) -> Change:
    return {"errors": _one_more(facts.errors, event.body.severity.value)}


def _milestone(facts: Facts, event: Any) -> Change:
    milestone = MilestoneFact(
        milestone_name=event.body.milestone_name,
        milestone_type=event.body.milestone_type,
        impact=event.body.impact.value,
        reached_at=event.occurred_at,
    )
    reached = Reached(seq=event.seq, milestone=milestone)
    return {"milestones": sorted([*facts.milestones, reached], key=lambda known: known.seq)}


def _newest(known: Told | None, event: Event, data: Change) -> Told:
    if known is not None and known.seq > event.seq:
        return known
    return Told(seq=event.seq, data=data, evidence=event.evidence.value)


def _one_more(counts: dict[str, int], name: str) -> dict[str, int]:
    return counts | {name: counts.get(name, 0) + 1}


_CHANGES: dict[str, Callable[[Facts, Any], Change]] = {
    "progress": _progress,
    "tests": _tests,
    "outcome": _outcome,
    "analytics": _analytics,
    "error": _error,
    "milestone": _milestone,
}
