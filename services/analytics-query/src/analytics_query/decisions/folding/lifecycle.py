"""When attempts begin and end, by the word of the orchestrator."""

from datetime import datetime

from analytics_query.decisions.folding.groups import entities_of
from analytics_query.decisions.folding.tables import Credit, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.documents import AttemptDocument, AttemptKey, Lifecycle
from contracts.decided import DecidedEvent, DecidedKind, TaskAbout
from contracts.tasks import AttemptState

ENDS = {
    DecidedKind.task_completed: "completed",
    DecidedKind.task_failed: "failed",
    DecidedKind.task_cancelled: "cancelled",
    DecidedKind.task_timed_out: "timed_out",
    DecidedKind.task_requeued: "requeued",
}


def execution_ms(lifecycle: Lifecycle) -> float | None:
    """How long an attempt ran; None while it runs."""
    started_at = lifecycle.running_at or lifecycle.assigned_at
    if lifecycle.ended_at is None or started_at is None:
        return None
    return max(milliseconds(started_at, lifecycle.ended_at), 0.0)


def milliseconds(since: datetime, until: datetime) -> float:
    """The time between."""
    return (until - since).total_seconds() * 1000


def _assigned(document: AttemptDocument, event: DecidedEvent) -> None:
    known = document.lifecycle.assigned_at
    if known is None or event.occurred_at < known:
        document.lifecycle.about = TaskAbout.model_validate(event.data)
        document.lifecycle.assigned_at = event.occurred_at


def _running(document: AttemptDocument, event: DecidedEvent) -> None:
    known = document.lifecycle.running_at
    document.lifecycle.running_at = min(known or event.occurred_at, event.occurred_at)


def _ended(document: AttemptDocument, event: DecidedEvent) -> None:
    lifecycle, end = document.lifecycle, ENDS[event.kind]
    if lifecycle.ended_at is None or (event.occurred_at, end) < (lifecycle.ended_at, lifecycle.end or ""):
        lifecycle.ended_at, lifecycle.end = event.occurred_at, end
        lifecycle.is_lost = event.data.get("attempt_state") == AttemptState.lost


def _credit(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    lifecycle, entities = document.lifecycle, entities_of(key, document)
    lasted_ms = execution_ms(lifecycle)
    if lifecycle.ended_at is None or lasted_ms is None:
        return
    ledger.count(entities, lifecycle.ended_at, "attempts_ended")
    ledger.count(entities, lifecycle.ended_at, f"attempts_{lifecycle.end}")
    ledger.spread(entities, lifecycle.ended_at, "execution_ms", lasted_ms)
    if lifecycle.end == "completed":
        ledger.spread(entities, lifecycle.ended_at, "completed_ms", lasted_ms)


FOLDS: dict[str, Fold] = {
    DecidedKind.task_assigned: _assigned,
    DecidedKind.task_running: _running,
    **dict.fromkeys(ENDS, _ended),
}
CREDITS: tuple[Credit, ...] = (_credit,)
