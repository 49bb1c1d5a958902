"""What the services decided, on `event.task.*`, `event.worker.*` and `event.question.*`."""

from enum import StrEnum

from contracts.base import (
    Amount,
    Count,
    EventId,
    JsonObject,
    Level,
    Megabytes,
    Milliseconds,
    Model,
    Name,
    OptionalText,
    QuestionId,
    TaskId,
    UtcTime,
    WorkerId,
)


class DecidedKind(StrEnum):
    """`<aggregate>.<what>`: also the two last tokens of the subject."""

    task_queued = "task.queued"
    task_assigned = "task.assigned"
    task_running = "task.running"
    task_paused = "task.paused"
    task_waiting = "task.waiting"
    task_requeued = "task.requeued"
    """In `data` of this, and of all ends of tasks but `task.completed`: `attempt_state`, in which the attempt was
    closed; of a task that failed also `failure_class`."""
    task_completed = "task.completed"
    task_failed = "task.failed"
    task_cancelled = "task.cancelled"
    task_timed_out = "task.timed_out"
    task_quarantined = "task.quarantined"
    """Besides `task.failed`: workers crashed again and again while they had it; `data` says how often."""
    task_stale_report = "task.stale_report"
    task_refused = "task.refused"
    """A task that another worker asked for was not made; `data` says why, and for which request."""
    worker_registered = "worker.registered"
    worker_online = "worker.online"
    worker_offline = "worker.offline"
    worker_commanded = "worker.commanded"
    worker_ended = "worker.ended"
    """Whoever runs the fleet has ended an instance of a worker, as the leader asked; `data`: which, and why."""
    worker_scaled = "worker.scaled"
    """The size of the fleet was changed, from `data.workers_before` to `data.workers`; `worker_id` says whose place is
    given up, where it shrank."""
    worker_sampled = "worker.sampled"
    """How the fleet and the queue stand, every so often; `data` is a `FleetSample`."""
    question_asked = "question.asked"
    question_approved = "question.approved"
    """A request for collaboration that was held back may go ahead; `data` says what `question.asked` left out."""
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


class TaskAbout(Model):
    """In `data` of `task.queued` and `task.assigned`: what reports group tasks by."""

    priority: Level = Level.medium
    repository: OptionalText | None = None
    """As the task names it, without credentials."""
    agent: Name | None = None
    """The adapter that the task asks for."""
    task_class: Name | None = None
    """The free requirement of that name: tasks of one class are compared with each other."""
    estimated_duration_ms: Milliseconds | None = None
    created_at: UtcTime | None = None


class WorkerSample(Model):
    """One worker at one moment, by its last heartbeat."""

    worker_id: WorkerId
    slots_total: Count
    slots_free: Count
    cpu_percent: Amount = 0.0
    memory_mb: Megabytes = 0.0
    round_trip_ms: Amount | None = None
    """Round-trip time to the bus."""
    spool_events: Count = 0


class QueueSample(Model):
    """The queue at one moment."""

    queued: Count
    assigned: Count
    running: Count
    oldest_queued_ms: Milliseconds = 0
    """Age of the oldest queued task; 0 where there is none."""
    workers_online: Count


class FleetSample(Model):
    """`data` of `worker.sampled`. A large fleet takes several events; `queue` is in the first alone."""

    every_ms: Milliseconds
    """How much time a sample stands for."""
    queue: QueueSample | None = None
    workers: list[WorkerSample] = []
