"""What was observed of an attempt, whether it agrees with the claim, and what verification said."""

from typing import Any

from analytics_query.decisions.folding.bounded import is_newer, told
from analytics_query.decisions.folding.groups import entities_of
from analytics_query.decisions.folding.tables import Credit, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.vocabulary import with_evidence

OBSERVED = {"agent_ms": "wall_ms", "cpu_ms": "cpu_ms", "memory_peak_mb": "memory_peak_mb"}

Body = dict[str, Any]


def _ended(document: AttemptDocument, event: Any) -> None:
    if is_newer(document.outcome, event):
        document.outcome = told(event)


def _credit(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    outcome, ended_at = document.verdict, document.lifecycle.ended_at
    if outcome is None or ended_at is None:
        return
    entities = entities_of(key, document)
    observed: Body | None = outcome.get("observed")
    verified: Body | None = outcome.get("verified")
    for metric, name in OBSERVED.items() if observed else ():
        ledger.spread(entities, ended_at, with_evidence(metric, "observed"), observed[name] if observed else 0)
    if verified is not None:
        ledger.count(entities, ended_at, "verified_passed" if verified["passed"] else "verified_failed")
    if outcome.get("claimed") and (observed or verified):
        ledger.count(entities, ended_at, "claims")
        ledger.count(entities, ended_at, "claims_agreed" if agrees(outcome) else "claims_disagreed")


def agrees(outcome: Body) -> bool:
    """Whether nothing that was seen speaks against what the agent claimed."""
    verified: Body | None = outcome.get("verified")
    claims_completion = outcome["claimed"]["status"] == "completed"
    return not outcome.get("discrepancies") and not (claims_completion and verified and not verified["passed"])


FOLDS: dict[str, Fold] = {"outcome": _ended}
CREDITS: tuple[Credit, ...] = (_credit,)
