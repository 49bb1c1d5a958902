"""When attempts begin and end, by the word of the orchestrator."""

from analytics_query.decisions.folding.tables import Credit, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Entity, joined
from contracts.decided import DecidedEvent, DecidedKind, TaskAbout

NO_REPOSITORY = "-"
ENDS = {
    DecidedKind.task_completed: "completed",
    DecidedKind.task_failed: "failed",
    DecidedKind.task_cancelled: "cancelled",
    DecidedKind.task_timed_out: "timed_out",
    DecidedKind.task_requeued: "requeued",
}


def entities_of(key: AttemptKey, document: AttemptDocument) -> list[Entity]:
    """What an attempt's figures count for; nothing before its assignment is known."""
    about = document.lifecycle.about
    if about is None:
        return []
    repository, task_class = class_of(about)
    return [
        (Dimension.system, SYSTEM),
        (Dimension.worker, key.worker_id),
        (Dimension.repository, repository),
        (Dimension.task_class, joined(repository, task_class)),
    ]


def class_of(about: TaskAbout) -> tuple[str, str]:
    """Repository and class of a task: it is compared with others of both."""
    return about.repository or NO_REPOSITORY, about.task_class or about.agent or "default"


def _assigned(document: AttemptDocument, event: DecidedEvent) -> None:
    document.lifecycle.about = TaskAbout.model_validate(event.data)
    document.lifecycle.assigned_at = event.occurred_at


def _running(document: AttemptDocument, event: DecidedEvent) -> None:
    known = document.lifecycle.running_at
    document.lifecycle.running_at = min(known or event.occurred_at, event.occurred_at)


def _ended(document: AttemptDocument, event: DecidedEvent) -> None:
    document.lifecycle.ended_at = event.occurred_at
    document.lifecycle.end = ENDS[event.kind]


def _credit(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    lifecycle = document.lifecycle
    entities = entities_of(key, document)
    if lifecycle.ended_at is None or lifecycle.end is None:
        return
    ledger.count(entities, lifecycle.ended_at, "attempts_ended")
    ledger.count(entities, lifecycle.ended_at, f"attempts_{lifecycle.end}")
    started_at = lifecycle.running_at or lifecycle.assigned_at
    if started_at is not None:
        lasted_ms = (lifecycle.ended_at - started_at).total_seconds() * 1000
        ledger.spread(entities, lifecycle.ended_at, "execution_ms", max(lasted_ms, 0.0))


FOLDS: dict[str, Fold] = {
    DecidedKind.task_assigned: _assigned,
    DecidedKind.task_running: _running,
    **dict.fromkeys(ENDS, _ended),
}
CREDITS: tuple[Credit, ...] = (_credit,)
