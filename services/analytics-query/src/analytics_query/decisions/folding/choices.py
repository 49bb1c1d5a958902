"""Decisions by type, how attempts ended after them, and which were taken back."""

from collections.abc import Iterator
from typing import Any

from analytics_query.decisions.folding.crediting import credited_at, later
from analytics_query.decisions.folding.groups import entities_of
from analytics_query.decisions.folding.tables import Credit, Direct, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.decisions.sampling import admitted, digest, keep_newest
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.documents.choices import Choice, Choices
from analytics_query.domain.records import DecisionMade
from analytics_query.domain.vocabulary import Dimension, joined

MAX_TYPES = 32
MAX_CHOICES = 128
MAX_REJECTED = 16
OUTCOMES = {"completed": "attempts_completed", "failed": "attempts_failed"}
OTHER_OUTCOME = "attempts_other"


def reversals(choices: Choices) -> Iterator[Choice]:
    """Decisions that take an earlier one of the same type back.

    They choose what was rejected when it was last considered, or decide otherwise about what was decided before.
    """
    considered: dict[tuple[str, str], bool] = {}
    decided: dict[tuple[str, str], str] = {}
    for _, choice in sorted(choices.made.items()):
        chosen, subject = (choice.decision_type, choice.chosen), (choice.decision_type, choice.subject)
        otherwise = bool(choice.subject) and decided.get(subject, choice.chosen) != choice.chosen
        if otherwise or considered.get(chosen) is False:
            yield choice
        for rejected in choice.rejected:
            considered[choice.decision_type, rejected] = False
        considered[chosen] = True
        decided[subject] = choice.chosen


def _decided(document: AttemptDocument, event: Any) -> None:
    choices, body = document.choices, event.body
    choices.newest_at = later(choices.newest_at, event.occurred_at)
    choices.decisions += 1
    choices.alternatives += len(body.alternatives)
    name = joined(body.decision_type)
    if admitted(choices.types, digest(name), MAX_TYPES):
        choices.types[digest(name)] = name
    choices.made[f"{event.seq:016d}{digest(event.event_id)}"] = Choice(
        at=event.occurred_at,
        decision_type=name,
        chosen=_meant(body.chosen_option),
        subject=_meant(body.description) if body.description else "",
        rejected=[_meant(option) for option in body.alternatives[:MAX_REJECTED]],
    )
    keep_newest(choices.made, MAX_CHOICES)


def _meant(text: str) -> str:
    return digest(" ".join(text.split()).casefold().rstrip("."))


def _credit(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    choices = document.choices
    at = credited_at(document, choices.newest_at)
    if at is None or document.lifecycle.about is None:
        return
    entities = entities_of(key, document)
    ledger.count(entities, at, "decisions", choices.decisions)
    ledger.count(entities, at, "alternatives", choices.alternatives)
    for choice in reversals(choices):
        ledger.count(entities, at, "reversals")
        ledger.count([(Dimension.decision, choice.decision_type)], choice.at, "reversals")
    _credit_outcome(document, ledger)


def _credit_outcome(document: AttemptDocument, ledger: Ledger) -> None:
    ended_at, end = document.lifecycle.ended_at, document.lifecycle.end
    if ended_at is None or end is None:
        return
    types = [(Dimension.decision, name) for name in document.choices.types.values()]
    ledger.count(types, ended_at, "attempts")
    ledger.count(types, ended_at, OUTCOMES.get(end, OTHER_OUTCOME))


def _decided_directly(event: Any, ledger: Ledger) -> None:
    body, at = event.body, event.occurred_at
    entity = [(Dimension.decision, joined(body.decision_type))]
    ledger.count(entity, at, "decisions")
    ledger.count(entity, at, "alternatives", len(body.alternatives))
    if body.confidence_percent is not None:
        ledger.spread(entity, at, "confidence_percent", body.confidence_percent)
    ledger.record(
        DecisionMade(
            event_id=event.event_id,
            task_id=event.task_id,
            attempt=event.attempt,
            worker_id=event.worker_id,
            decision_type=body.decision_type,
            decided_at=at,
            seq=event.seq,
            body=body.to_dict(),
        )
    )


FOLDS: dict[str, Fold] = {"decision": _decided}
CREDITS: tuple[Credit, ...] = (_credit,)
DIRECT: dict[str, Direct] = {"decision": _decided_directly}
