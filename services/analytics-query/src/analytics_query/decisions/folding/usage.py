"""Tokens and what they cost: as was observed of the whole run, or else the sum of what was reported."""

from datetime import datetime
from typing import Any, NamedTuple

from analytics_query.decisions.folding.groups import entities_of
from analytics_query.decisions.folding.tables import Credit, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.documents import AttemptDocument, AttemptKey, Usage
from analytics_query.domain.vocabulary import with_evidence

MICRO = 1_000_000
LARGEST_USD = 1e9


class Spent(NamedTuple):
    """What an attempt used, how that is known, and when it is entered."""

    evidence: str
    usage: Usage
    at: datetime


def _used(document: AttemptDocument, event: Any) -> None:
    body = event.body
    usage = document.usage.setdefault(event.evidence.value, Usage(last_at=event.occurred_at))
    usage.input += body.input_tokens
    usage.output += body.output_tokens
    usage.cached += body.cached_tokens
    usage.cost_microusd += microusd(body.cost_usd or 0.0)
    usage.last_at = max(usage.last_at, event.occurred_at)


def spent(document: AttemptDocument) -> list[Spent]:
    """What an attempt used, by evidence."""
    observed: dict[str, Any] | None = document.verdict.get("observed") if document.verdict else None
    ended_at = document.lifecycle.ended_at
    if observed and ended_at and (observed.get("tokens_input") or observed.get("tokens_output")):
        usage = Usage(
            input=observed.get("tokens_input", 0),
            output=observed.get("tokens_output", 0),
            cached=observed.get("tokens_cached", 0),
            cost_microusd=microusd(observed.get("cost_usd", 0.0)),
            last_at=ended_at,
        )
        return [Spent("observed", usage, ended_at)]
    return [Spent(evidence, usage, usage.last_at) for evidence, usage in sorted(document.usage.items())]


def microusd(usd: float) -> int:
    """Millionths of a dollar, at most of `LARGEST_USD`."""
    return round(min(usd, LARGEST_USD) * MICRO)


def _credit(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    entities = entities_of(key, document)
    for evidence, usage, at in spent(document) if entities else ():
        ledger.count(entities, at, with_evidence("tokens_input", evidence), usage.input)
        ledger.count(entities, at, with_evidence("tokens_output", evidence), usage.output)
        ledger.count(entities, at, with_evidence("tokens_cached", evidence), usage.cached)
        ledger.count(entities, at, with_evidence("cost_microusd", evidence), usage.cost_microusd)
        ledger.spread(entities, at, with_evidence("tokens", evidence), usage.input + usage.output)
        ledger.spread(entities, at, with_evidence("cost_usd", evidence), usage.cost_microusd / MICRO)


FOLDS: dict[str, Fold] = {"token_usage": _used}
CREDITS: tuple[Credit, ...] = (_credit,)
