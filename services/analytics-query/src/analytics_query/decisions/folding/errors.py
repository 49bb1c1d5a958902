"""Errors by fingerprint and by type, and what helped against them."""

from datetime import datetime
from typing import Any

from analytics_query.decisions.fingerprints import Identity, identify
from analytics_query.decisions.folding.tables import Credit, Direct, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.decisions.sampling import admitted, digest
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.documents.errors import Recoveries, SeenError, Tried
from analytics_query.domain.records import ErrorSeen
from analytics_query.domain.vocabulary import Dimension, Entity, clipped, joined

MAX_ERRORS = 128
MAX_TRIED = 128
MAX_STRATEGY = 200
MAX_MESSAGE = 2_000
UNSPECIFIED = "unspecified"


def identity_of(body: Any) -> Identity:
    """Which error it is."""
    return identify(body.error_type, body.message, body.stack_trace)


def strategy_of(text: str | None) -> str:
    """The name under which a strategy is counted."""
    words = " ".join((text or "").split()).casefold().rstrip(".")
    return clipped(words, MAX_STRATEGY) or UNSPECIFIED


def _error(document: AttemptDocument, event: Any) -> None:
    recoveries, body, name = document.recoveries, event.body, digest(event.event_id)
    if admitted(recoveries.errors, name, MAX_ERRORS):
        recoveries.errors[name] = SeenError(
            seq=event.seq,
            at=event.occurred_at,
            fingerprint=identity_of(body).fingerprint,
            error_type=clipped(body.error_type),
            strategy=strategy_of(body.recovery_strategy) if body.recovery_attempted else None,
            successful=body.recovery_successful is True,
        )


def _recovery(document: AttemptDocument, event: Any) -> None:
    recoveries, name = document.recoveries, digest(event.event_id)
    if admitted(recoveries.tried, name, MAX_TRIED):
        recoveries.tried[name] = _tried(event)


def _tried(event: Any) -> Tried:
    body = event.body
    return Tried(
        seq=event.seq,
        at=event.occurred_at,
        error=digest(body.error_event_id) if body.error_event_id else "",
        error_type=clipped(body.error_type),
        strategy=strategy_of(body.strategy),
        successful=body.successful,
    )


def error_of(tried: Tried, recoveries: Recoveries) -> str | None:
    """The error that a recovery is about: as it says, else the newest one before it of its type, else of its type."""
    if tried.error in recoveries.errors:
        return tried.error
    of_type = [
        (error.seq <= tried.seq, error.seq if error.seq <= tried.seq else -error.seq, name)
        for name, error in recoveries.errors.items()
        if error.error_type == tried.error_type
    ]
    return max(of_type)[2] if of_type else None


def _credit(_key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    recoveries = document.recoveries
    told: set[str] = set()
    for tried in recoveries.tried.values():
        name = error_of(tried, recoveries)
        told.add(name or "")
        fingerprint = recoveries.errors[name].fingerprint if name else None
        _enter(ledger, tried.at, fingerprint, tried.error_type, tried.strategy, tried.successful)
    for name, error in recoveries.errors.items():
        # What its own report says counts unless reports of recoveries tell it again.
        if error.strategy is not None and name not in told:
            _enter(ledger, error.at, error.fingerprint, error.error_type, error.strategy, error.successful)


def _enter(
    ledger: Ledger, at: datetime, fingerprint: str | None, error_type: str, strategy: str, successful: bool
) -> None:
    errors: list[Entity] = [(Dimension.error_type, joined(error_type))]
    strategies: list[Entity] = [(Dimension.strategy, joined(strategy))]
    if fingerprint is not None:
        errors.append((Dimension.error, fingerprint))
        strategies.append((Dimension.recovery, joined(fingerprint, strategy)))
    ledger.count(errors, at, "recoveries_tried")
    ledger.count(errors, at, "recoveries_successful", int(successful))
    ledger.count(strategies, at, "tried")
    ledger.count(strategies, at, "successful", int(successful))


def _error_directly(event: Any, ledger: Ledger) -> None:
    body, at, identity = event.body, event.occurred_at, identity_of(event.body)
    error: Entity = (Dimension.error, identity.fingerprint)
    ledger.count([error, (Dimension.error_type, joined(body.error_type))], at, "errors")
    ledger.count([error], at, f"errors:{body.severity.value}")
    ledger.record(_seen(event, identity))
    if body.recovery_attempted and not _has_document(event):
        strategy, successful = strategy_of(body.recovery_strategy), body.recovery_successful is True
        _enter(ledger, at, identity.fingerprint, body.error_type, strategy, successful)


def _recovery_directly(event: Any, ledger: Ledger) -> None:
    if not _has_document(event):
        tried = _tried(event)
        _enter(ledger, tried.at, None, tried.error_type, tried.strategy, tried.successful)


def _has_document(event: Any) -> bool:
    return event.task_id is not None and event.attempt is not None


def _seen(event: Any, identity: Identity) -> ErrorSeen:
    body = event.body
    return ErrorSeen(
        fingerprint=identity.fingerprint,
        error_type=body.error_type,
        severity=body.severity.value,
        message=clipped(body.message, MAX_MESSAGE),
        place=identity.place or clipped(body.file_path or ""),
        event_id=event.event_id,
        seen_at=event.occurred_at,
        worker_id=event.worker_id,
        task_id=event.task_id,
    )


FOLDS: dict[str, Fold] = {"error": _error, "recovery": _recovery}
CREDITS: tuple[Credit, ...] = (_credit,)
DIRECT: dict[str, Direct] = {"error": _error_directly, "recovery": _recovery_directly}
