"""Questions that workers asked, and what became of them."""

from datetime import datetime
from typing import Any

from analytics_query.decisions.folding.lifecycle import milliseconds
from analytics_query.decisions.folding.tables import Direct
from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Entity
from contracts.decided import DecidedEvent, DecidedKind

CLOSED = {
    DecidedKind.question_answered: "answered",
    DecidedKind.question_expired: "expired",
    DecidedKind.question_withdrawn: "withdrawn",
}


def _asked(event: DecidedEvent, ledger: Ledger) -> None:
    ledger.count(_entities(event), event.occurred_at, "questions_asked")


def _closed(event: DecidedEvent, ledger: Ledger) -> None:
    entities, state = _entities(event), str(event.data.get("state") or CLOSED[event.kind])
    ledger.count(entities, event.occurred_at, f"questions_{state}")
    asked_at = _time(event.data.get("asked_at"))
    if event.kind is DecidedKind.question_answered and asked_at is not None:
        ledger.spread(entities, event.occurred_at, "answer_ms", max(milliseconds(asked_at, event.occurred_at), 0.0))


def _entities(event: DecidedEvent) -> list[Entity]:
    about = str(event.data.get("question_type") or event.data.get("kind") or "question")
    entities: list[Entity] = [(Dimension.system, SYSTEM), (Dimension.question, about)]
    return [*entities, (Dimension.worker, event.worker_id)] if event.worker_id else entities


def _time(said: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else None


DIRECT: dict[str, Direct] = {DecidedKind.question_asked: _asked, **dict.fromkeys(CLOSED, _closed)}
