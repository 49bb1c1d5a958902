"""Milestones that were reached."""

from typing import Any

from analytics_query.decisions.folding.bounded import OTHER, keep_first
from analytics_query.decisions.folding.groups import entities_of
from analytics_query.decisions.folding.tables import Credit, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.documents import AttemptDocument, AttemptKey, Reached

MOST_MILESTONES = 200
# Agents may use words of their own; a metric for each would make roll-ups grow without bound.
KNOWN = {"phase_complete", "feature_implemented", "bug_fixed", "test_passed", "optimization"}


def _reached(document: AttemptDocument, event: Any) -> None:
    body = event.body
    reached = Reached(
        seq=event.seq,
        event_id=event.event_id,
        at=event.occurred_at,
        milestone_name=body.milestone_name,
        milestone_type=body.milestone_type,
        impact=body.impact.value,
    )
    keep_first(document.milestones, reached, MOST_MILESTONES)


def _credit(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    entities = entities_of(key, document)
    for reached in document.milestones if entities else ():
        ledger.count(entities, reached.at, "milestones")
        known = reached.milestone_type if reached.milestone_type in KNOWN else OTHER
        ledger.count(entities, reached.at, f"milestones:{known}")


FOLDS: dict[str, Fold] = {"milestone": _reached}
CREDITS: tuple[Credit, ...] = (_credit,)
