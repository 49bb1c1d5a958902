"""What the services decided, on `event.task.*`, `event.worker.*` and `event.question.*`."""

from enum import StrEnum

from contracts.base import EventId, JsonObject, Model, Name, QuestionId, TaskId, UtcTime, WorkerId


class DecidedKind(StrEnum):
    """`<aggregate>.<what>`: also the two last tokens of the subject."""

    task_queued = "task.queued"
    task_assigned = "task.assigned"
    task_running = "task.running"
    task_paused = "task.paused"
    task_waiting = "task.waiting"
    task_requeued = "task.requeued"
    task_completed = "task.completed"
    task_failed = "task.failed"
    task_cancelled = "task.cancelled"
    task_timed_out = "task.timed_out"
    task_stale_report = "task.stale_report"
    task_refused = "task.refused"
    """A task that another worker asked for was not made; `data` says why, and for which request."""
    worker_registered = "worker.registered"
    worker_online = "worker.online"
    worker_offline = "worker.offline"
    worker_commanded = "worker.commanded"
    question_asked = "question.asked"
    question_answered = "question.answered"
    question_expired = "question.expired"
    question_withdrawn = "question.withdrawn"


class DecidedEvent(Model):
    """One decision of a service."""

    event_id: EventId
    kind: DecidedKind
    occurred_at: UtcTime
    task_id: TaskId | None = None
    attempt: int | None = None
    worker_id: WorkerId | None = None
    question_id: QuestionId | None = None
    actor: Name = "system"
    """Who caused it."""
    data: JsonObject = {}
