"""How a decision becomes a domain event."""

from collections.abc import Mapping
from datetime import datetime

import orjson
from pydantic import JsonValue

from contracts.addresses import without_credentials
from contracts.decided import DecidedKind, FleetSample
from contracts.tasks import AttemptState, TaskState
from orchestrator.decisions.orders import EndOrder, Order
from orchestrator.domain import AttemptRef, Closed, Fate, Traits
from orchestrator.ports import Closing, Moved, Said
from servicekit.ids import new_event_id

SYSTEM = "system"
MAX_NAME = 200
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
    question_id: str | None = None,
    actor: str = SYSTEM,
    data: Mapping[str, object] | None = None,
) -> Said:
    """A domain event about a task; attempt 0 is none. `question_id`: the request for collaboration that it is for."""
    about: dict[str, JsonValue] = {"task_id": ref.task_id}
    if ref.attempt:
        about["attempt"] = ref.attempt
    if worker_id is not None:
        about["worker_id"] = worker_id
    if question_id is not None:
        about["question_id"] = question_id
    return _said(kind, now, actor, about, data)


def about_worker(
    kind: DecidedKind,
    worker_id: str,
    now: datetime,
    *,
    actor: str = SYSTEM,
    data: Mapping[str, object] | None = None,
) -> Said:
    """A domain event about a worker."""
    return _said(kind, now, actor, {"worker_id": worker_id}, data)


def about_fleet(sample: FleetSample, now: datetime) -> Said:
    """A domain event about how the fleet stands."""
    return _said(DecidedKind.worker_sampled, now, SYSTEM, {}, sample.to_dict())


def about_order(order: Order) -> Said:
    """A domain event about something that was asked of whoever runs the fleet, and is done."""
    data: dict[str, object] = {} if order.reason is None else {"reason": order.reason}
    if order.instance is not None:
        data["instance"] = order.instance
    if isinstance(order, EndOrder):
        kind = DecidedKind.worker_ended
    else:
        kind = DecidedKind.worker_scaled
        data |= {"workers_before": order.before, "workers": order.after}
    about: dict[str, JsonValue] = {} if order.worker_id is None else {"worker_id": order.worker_id}
    return _said(kind, order.ordered_at, order.ordered_by, about, data)


def traits_data(traits: Traits) -> dict[str, object]:
    """What reports group a task by, as TaskAbout says, but without being one in between."""
    data: dict[str, object] = {"priority": traits.priority, "created_at": traits.created_at}
    if traits.repository:
        data["repository"] = without_credentials(traits.repository)
    if traits.agent:
        data["agent"] = traits.agent
    if traits.task_class and len(traits.task_class) <= MAX_NAME:
        data["task_class"] = traits.task_class
    if traits.estimated_duration_ms is not None:
        data["estimated_duration_ms"] = traits.estimated_duration_ms
    return data


def about_move(moved: Moved, now: datetime, actor: str) -> Said:
    """A domain event about a task that goes from one live state to another."""
    return about_task(KIND_OF_STATE[moved.after], moved.ref, now, worker_id=moved.worker_id, actor=actor)


def about_fate(closed: Closed, state: AttemptState, fate: Fate, now: datetime, actor: str) -> Said:
    """A domain event about what became of a task whose attempt was closed in this state."""
    data: dict[str, JsonValue] = {"attempt_state": state}
    if fate.reason:
        data["reason"] = fate.reason
    if fate.execution_time_ms is not None:
        data["execution_time_ms"] = fate.execution_time_ms
    if fate.next_attempt_at is not None:
        data["next_attempt_at"] = fate.next_attempt_at.isoformat()
    if fate.failure_class is not None:
        data["failure_class"] = fate.failure_class
    if fate.crashes:
        data["crashes"] = fate.crashes
    kind = KIND_OF_STATE[fate.status]
    return about_task(
        kind, fate.ref, now, worker_id=closed.worker_id, question_id=closed.question_id, actor=actor, data=data
    )


def about_quarantine(closed: Closed, fate: Fate, now: datetime, actor: str) -> Said:
    """A domain event about a task that workers do not survive."""
    data = {"reason": fate.reason, "crashes": fate.crashes}
    return about_task(
        DecidedKind.task_quarantined,
        fate.ref,
        now,
        worker_id=closed.worker_id,
        question_id=closed.question_id,
        actor=actor,
        data=data,
    )


def about_completion(closing: Closing, now: datetime) -> Said:
    """A domain event about a task that is completed if its attempt is still live."""
    data: dict[str, JsonValue] = {"execution_time_ms": closing.ending.execution_time_ms}
    return about_task(DecidedKind.task_completed, closing.ref, now, worker_id=closing.worker_id, data=data)


def _said(
    kind: DecidedKind, now: datetime, actor: str, about: Mapping[str, JsonValue], data: Mapping[str, object] | None
) -> Said:
    # Three of these belong to every task: they are written as DecidedEvent says, but without being one in between.
    event = {"event_id": new_event_id(), "kind": kind, "occurred_at": now, "actor": actor, **about, "data": data or {}}
    return Said(kind, orjson.dumps(event, option=orjson.OPT_UTC_Z))
