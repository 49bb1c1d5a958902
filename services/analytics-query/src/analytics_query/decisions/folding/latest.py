"""The newest report of each thing as it was made, which a task's facts show; and the reference's `analytics` table."""

from typing import Any

from analytics_query.decisions.folding.bounded import is_newer, told
from analytics_query.decisions.folding.tables import Direct, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.documents import AttemptDocument
from analytics_query.domain.records import FiguresReported
from analytics_query.domain.vocabulary import SYSTEM, Dimension


def _tested(document: AttemptDocument, event: Any) -> None:
    if is_newer(document.tests, event):
        document.tests = told(event)


def _analysed(document: AttemptDocument, event: Any) -> None:
    name = event.body.analytics_type.value
    if is_newer(document.analytics.get(name), event):
        new = told(event)
        new.data = event.body.data
        document.analytics[name] = new


def _erred(document: AttemptDocument, event: Any) -> None:
    severity = event.body.severity.value
    document.errors[severity] = document.errors.get(severity, 0) + 1


def _enter_error(event: Any, ledger: Ledger) -> None:
    entities = [(Dimension.system, SYSTEM), (Dimension.worker, event.worker_id)]
    ledger.count(entities, event.occurred_at, f"errors:{event.body.severity.value}")


def _enter_figures(event: Any, ledger: Ledger) -> None:
    source_type, source_id = ("task", event.task_id) if event.task_id else ("worker", event.worker_id)
    ledger.record(
        FiguresReported(
            analytics_type=event.body.analytics_type.value,
            source_type=source_type,
            source_id=source_id,
            data=event.body.data,
            timestamp=event.occurred_at,
            event_id=event.event_id,
            worker_id=event.worker_id,
            attempt=event.attempt,
            evidence=event.evidence.value,
        )
    )


FOLDS: dict[str, Fold] = {"tests": _tested, "analytics": _analysed, "error": _erred}
DIRECT: dict[str, Direct] = {"error": _enter_error, "analytics": _enter_figures}
