"""How a decision becomes a domain event."""

from datetime import datetime

from pydantic import JsonValue

from contracts.decided import DecidedEvent, DecidedKind
from contracts.tasks import TaskState
from orchestrator.domain import AttemptRef, Closed, Fate
from orchestrator.ports import Moved
from servicekit.ids import new_event_id

KIND_OF_STATE = {
    TaskState.queued: DecidedKind.task_requeued,
    TaskState.assigned: DecidedKind.task_assigned,
    TaskState.running: DecidedKind.task_running,
    TaskState.paused: DecidedKind.task_paused,
    TaskState.waiting: DecidedKind.task_waiting,
    TaskState.completed: DecidedKind.task_completed,
    TaskState.failed: DecidedKind.task_failed,
    TaskState.cancelled: DecidedKind.task_cancelled,
    TaskState.timed_out: DecidedKind.task_timed_out,
}


def about_task(
    kind: DecidedKind,
    ref: AttemptRef,
    now: datetime,
    *,
    worker_id: str | None = None,
    actor: str = "system",
    data: dict[str, JsonValue] | None = None,
) -> DecidedEvent:
    """A domain event about a task; attempt 0 is none."""
    return DecidedEvent(
        event_id=new_event_id(),
        kind=kind,
        occurred_at=now,
        task_id=ref.task_id,
        attempt=ref.attempt or None,
        worker_id=worker_id,
        actor=actor,
        data=data or {},
    )


def about_worker(
    kind: DecidedKind,
    worker_id: str,
    now: datetime,
    *,
    actor: str = "system",
    data: dict[str, JsonValue] | None = None,
) -> DecidedEvent:
    """A domain event about a worker."""
    return DecidedEvent(
        event_id=new_event_id(), kind=kind, occurred_at=now, worker_id=worker_id, actor=actor, data=data or {}
    )


def about_move(moved: Moved, now: datetime, actor: str) -> DecidedEvent:
    """A domain event about a task that goes from one live state to another."""
    return about_task(KIND_OF_STATE[moved.after], moved.ref, now, worker_id=moved.worker_id, actor=actor)


def about_fate(closed: Closed, fate: Fate, now: datetime, actor: str) -> DecidedEvent:
    """A domain event about what became of a task whose attempt was closed."""
    data: dict[str, JsonValue] = {}
    if fate.reason:
        data["reason"] = fate.reason
    if fate.execution_time_ms is not None:
        data["execution_time_ms"] = fate.execution_time_ms
    if fate.next_attempt_at is not None:
        data["next_attempt_at"] = fate.next_attempt_at.isoformat()
    kind = KIND_OF_STATE[fate.status]
    return about_task(kind, fate.ref, now, worker_id=closed.worker_id, actor=actor, data=data)
