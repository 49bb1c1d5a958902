"""Rows of the database as what the rest of the service knows."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import orjson

from contracts.base import Level
from contracts.tasks import (
    AttemptState,
    AttemptView,
    CollaborationTerms,
    FailureClass,
    Requirements,
    TaskProgress,
    TaskState,
    TaskView,
)
from contracts.workers import RunningAttempt, WorkerStatus, WorkerView
from orchestrator.decisions.demands import demand_of
from orchestrator.domain import AttemptRef, Closed, Demand, Worker
from orchestrator.ports import LiveAttempt, Member, Moved

Row = Mapping[str, Any]

MOST_TOLD = 256
"""Most events in one row of the outbox."""


def task_view(row: Row, attempts: Iterable[Row] = ()) -> TaskView:
    """A task as the API shows it."""
    return TaskView(
        task_id=row["task_id"],
        description=row["description"],
        status=TaskState(row["status"]),
        priority=Level(row["priority"]),
        assigned_worker=row["assigned_worker"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        execution_time_ms=row["execution_time_ms"],
        analytics=_analytics(row),
        worker_id=row["worker_id"],
        requirements=Requirements.model_validate(row["requirements"]),
        estimated_duration_ms=row["estimated_duration_ms"],
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        next_attempt_at=row["next_attempt_at"],
        reason=row["reason"],
        progress=TaskProgress.model_validate(row["progress"]) if row["progress"] else None,
        attempts=[attempt_view(attempt) for attempt in attempts],
        parent_task_id=row["parent_task_id"],
        collaboration=CollaborationTerms.model_validate(row["collaboration"]) if row["collaboration"] else None,
        failure_class=_failure_class(row),
        crashes=row["crashes"],
    )


def attempt_view(row: Row) -> AttemptView:
    """An attempt as the API shows it."""
    return AttemptView(
        attempt=row["attempt"],
        worker_id=row["worker_id"],
        state=AttemptState(row["state"]),
        assigned_at=row["assigned_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        reason=row["reason"],
        failure_class=_failure_class(row),
        crashes=row["crashes"],
    )


def worker_view(row: Row) -> WorkerView:
    """A worker as the API shows it; `row` has its live attempts as `running_tasks` and `running_attempts`."""
    pairs = zip(row["running_tasks"], row["running_attempts"], strict=True)
    running = [RunningAttempt(task_id=task_id, attempt=attempt) for task_id, attempt in pairs]
    fields = {name: row[name] for name in WorkerView.model_fields if name not in {"running", "slots_free"}}
    free = max(0, row["slots_total"] - len(running)) if row["status"] == WorkerStatus.online else 0
    return WorkerView(**fields, running=running, slots_free=free)


def member(row: Row) -> Member:
    """A worker as the leader keeps it, without its experience."""
    return Member(
        worker=Worker(
            worker_id=row["worker_id"],
            status=WorkerStatus(row["status"]),
            tags=frozenset(row["tags"]),
            capabilities=frozenset(row["capabilities"]),
            slots_total=row["slots_total"],
            experience={},
        ),
        incarnation=row["incarnation"],
        former=tuple(row["former"]),
        told=WorkerStatus(row["told"]) if row["told"] else None,
    )


def closed(row: Row) -> Closed:
    """An attempt that an UPDATE has just closed; the columns are in the order of the fields."""
    task_id, attempt, *rest = cast("tuple[Any, ...]", row)
    return Closed(AttemptRef(task_id, attempt), *rest)


def live_attempt(row: Row) -> LiveAttempt:
    """A live attempt."""
    return LiveAttempt(AttemptRef(row["task_id"], row["attempt"]), row["worker_id"], AttemptState(row["state"]))


def moved(row: Row) -> Moved:
    """A task whose state may have changed."""
    ref = AttemptRef(row["task_id"], row["attempt"])
    return Moved(ref, row["assigned_worker"], TaskState(row["before"]), TaskState(row["after"]))


def demand(row: Row) -> Demand:
    """The demand of a task."""
    return demand_of(row["worker_id"], Requirements.model_validate(row["requirements"]), row["asker"])


def assignment_json(row: Row, lease_ms: int) -> bytes:
    """The Assignment on the wire, with the requirements as they are stored, neither parsed nor written again."""
    fields = {
        "task_id": row["task_id"],
        "attempt": row["attempt"],
        "worker_id": row["assigned_worker"],
        "description": row["description"],
        "priority": row["priority"],
        "requirements": orjson.Fragment(row["requirements_json"]),
        "created_at": row["created_at"],
        "assigned_at": row["assigned_at"],
        "lease_ms": lease_ms,
        "epoch": row["epoch"],
    }
    if row["estimated_duration_ms"] is not None:
        fields["estimated_duration_ms"] = row["estimated_duration_ms"]
    if row["collaboration_json"] is not None:
        fields["collaboration"] = orjson.Fragment(row["collaboration_json"])
    return orjson.dumps(fields, option=orjson.OPT_UTC_Z)


def _failure_class(row: Row) -> FailureClass | None:
    return FailureClass(row["failure_class"]) if row["failure_class"] else None


def _analytics(row: Row) -> dict[str, Any] | None:
    # The claim is there before the outcome is: a reader need not wait for the end to see it.
    if row["analytics"] is None and row["claim"] is not None:
        return {"claimed": row["claim"]}
    return row["analytics"]
