"""Tasks: what a manager asks for, what a worker is given, what the platform tells of it."""

from enum import StrEnum
from typing import Annotated, Any, cast

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from contracts.base import (
    AttemptNumber,
    Count,
    FilePath,
    JsonObject,
    Level,
    Megabytes,
    Milliseconds,
    Model,
    Name,
    OptionalText,
    Percent,
    QuestionId,
    TaskId,
    Text,
    UtcTime,
    WorkerId,
)

MAX_DESCRIPTION = 65_536
MAX_REQUIREMENTS = 262_144
"""Bytes as JSON. A task must fit into one message of the bus, which takes 1 MiB unless it is set to take more."""


MOST_OF = {"tags": 100, "capabilities": 100, "verify": 100, "env": 1_000}
"""Entries of each requirement of a new task."""


class TaskState(StrEnum):
    """The state of a task; the legal transitions are the orchestrator's."""

    queued = "queued"
    assigned = "assigned"
    running = "running"
    paused = "paused"
    waiting = "waiting"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"
    timed_out = "timed_out"


TERMINAL_STATES = frozenset({TaskState.completed, TaskState.failed, TaskState.cancelled, TaskState.timed_out})


class AttemptState(StrEnum):
    """The state of one attempt. `lost`: its lease ran out; `refused`: the worker gave it back before it began."""

    assigned = "assigned"
    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"
    timed_out = "timed_out"
    lost = "lost"
    refused = "refused"


class FailureClass(StrEnum):
    """Why a failure is one. `poison`: workers crashed again and again while they had the task; it is quarantined."""

    retryable = "retryable"
    permanent = "permanent"
    poison = "poison"


def _open_schema(schema: dict[str, Any]) -> None:
    schema["properties"].pop("free", None)
    schema["additionalProperties"] = True


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Limits(Model):
    """What one attempt may use; a field left out takes the worker's own limit."""

    queue_ms: Milliseconds | None = None
    """Longest time that the task waits for a worker each time it is queued, before it is `timed_out`; 0: without end.

    Left out: the orchestrator's own limit.
    """
    run_ms: Milliseconds | None = None
    """Wall time of the agent."""
    silence_ms: Milliseconds | None = None
    """Longest time without any output or report."""
    verify_ms: Milliseconds | None = None
    """Wall time of all `verify` commands together."""
    memory_mb: Megabytes | None = None
    processes: Count | None = None
    output_mb: Megabytes | None = None
    disk_mb: Megabytes | None = None
    """What its workspace may take, with HOME and TMPDIR."""


class Requirements(Model):
    """What a task needs. The keys named here schedule or steer; all others go to the agent as written."""

    model_config = ConfigDict(json_schema_extra=_open_schema)

    tags: Annotated[list[Name], BeforeValidator(_one_or_many)] = []
    """Worker tags, all of which the worker must have."""
    capabilities: Annotated[list[Name], BeforeValidator(_one_or_many)] = []
    """Capabilities, all of which the worker must have."""
    agent: Name | None = None
    """Agent adapter to run (`auditor`, `command`, `claude`, …); left out: the worker's default."""
    repository: FilePath | None = None
    """Git URL, or the path of a folder or repository that the worker can read."""
    ref: Name | None = None
    """Branch, tag or commit to start from."""
    branch: Name | None = None
    """Branch that gets the result."""
    verify: Annotated[list[Text], BeforeValidator(_one_or_many)] = []
    """Shell commands that the platform runs itself on a clean checkout of the result; all must exit with 0."""
    env: dict[str, OptionalText] = {}
    """Environment variables of the agent's process."""
    limits: Limits = Limits()
    free: JsonObject = {}
    """The keys that the platform does not interpret; flat beside the others wherever this is written as JSON."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        given = cast("dict[str, object]", data)
        reserved = cls.model_fields.keys() - {"free"}
        free = {key: value for key, value in given.items() if key not in reserved}
        return {key: value for key, value in given.items() if key in reserved} | {"free": free}

    @model_serializer(mode="wrap")
    def _flatten(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        written: dict[str, object] = write(self)
        reserved = {key: value for key, value in written.items() if key != "free" and value not in ([], {})}
        return {**reserved, **self.free}


class NewTask(Model):
    """A task to be done: the input of `assign_task`."""

    description: Annotated[str, Field(min_length=1, max_length=MAX_DESCRIPTION, pattern=r"\S")]
    """What to do, in words."""
    priority: Level = Level.medium
    """How urgent it is among all queued tasks."""
    worker_id: WorkerId | None = None
    """Only this worker may take it; left out: the best one is chosen."""
    requirements: Requirements = Requirements()
    """What the task needs; free-form, with reserved keys."""
    estimated_duration_ms: Milliseconds | None = None
    """Expected duration."""
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """How often it may be tried before it is `failed`."""
    idempotency_key: Name | None = None
    """A repeat with the same key returns the first task instead of making a second."""

    @field_validator("requirements", mode="after")
    @classmethod
    def _fits_in_a_message(cls, requirements: Requirements) -> Requirements:
        for name, most in MOST_OF.items():
            given = len(getattr(requirements, name))
            if given > most:
                raise ValueError(f"{name}: must have at most {most} entries, not {given}")
        size = len(requirements.to_json())
        if size > MAX_REQUIREMENTS:
            raise ValueError(f"must be at most {MAX_REQUIREMENTS} bytes as JSON, not {size}")
        return requirements


class CollaborationTerms(Model):
    """Who asked for a task, if that was another worker, and under which request the answer goes back."""

    question_id: QuestionId
    collaboration_type: Name
    from_worker: WorkerId
    from_task: TaskId | None = None
    deadline_at: UtcTime | None = None


class Assignment(Model):
    """One attempt of a task, as it is handed to a worker on `worker.task.<worker>`."""

    task_id: TaskId
    attempt: AttemptNumber
    worker_id: WorkerId
    description: str
    priority: Level
    requirements: Requirements
    estimated_duration_ms: Milliseconds | None = None
    created_at: UtcTime
    assigned_at: UtcTime
    lease_ms: Milliseconds
    """How long the lease lasts without a heartbeat that names this attempt."""
    epoch: Count = 0
    """The leader's epoch under which the attempt was assigned."""
    collaboration: CollaborationTerms | None = None
    """Set where another worker asked for this task."""


class AttemptView(Model):
    """One attempt of a task, as the API shows it."""

    attempt: int
    worker_id: WorkerId
    state: AttemptState
    assigned_at: UtcTime
    started_at: UtcTime | None = None
    ended_at: UtcTime | None = None
    reason: OptionalText | None = None
    failure_class: FailureClass | None = None
    """Set where it failed: whether another attempt could end differently."""
    crashes: Count = 0
    """How often its worker or sandbox died meanwhile."""


class TaskProgress(Model):
    """The last accepted `report_progress` of the current attempt."""

    status: Name
    phase: Name | None = None
    percent_complete: Percent | None = None
    current_operation: OptionalText | None = None
    reported_at: UtcTime


class TaskView(Model):
    """A task as the API shows it."""

    task_id: TaskId
    description: str
    status: TaskState
    priority: Level
    assigned_worker: WorkerId | None = None
    created_at: UtcTime
    started_at: UtcTime | None = None
    completed_at: UtcTime | None = None
    execution_time_ms: Milliseconds | None = None
    analytics: JsonObject | None = None
    worker_id: WorkerId | None = None
    """The worker that the manager asked for."""
    requirements: Requirements = Requirements()
    estimated_duration_ms: Milliseconds | None = None
    attempt: Count = 0
    """The current attempt; 0 before the first."""
    max_attempts: int = 3
    next_attempt_at: UtcTime | None = None
    """When a queued task may be tried again, after a failed attempt."""
    reason: OptionalText | None = None
    """Why it is where it is: what keeps it queued, how it failed, who cancelled it."""
    progress: TaskProgress | None = None
    attempts: list[AttemptView] = []
    parent_task_id: TaskId | None = None
    """The task whose worker asked for this one."""
    collaboration: CollaborationTerms | None = None
    failure_class: FailureClass | None = None
    """Set once it has failed; `poison`: it is quarantined, and only a manager's retry lifts that."""
    crashes: Count = 0
    """How often workers or their sandboxes died while they had it, since it was created or last retried."""


class CancelTask(Model):
    """Why a task is cancelled."""

    reason: Annotated[OptionalText, Field(max_length=2_000)] = "cancelled by the manager"


class TaskBatch(Model):
    """Many new tasks at once; each is accepted or refused on its own."""

    tasks: Annotated[list[NewTask], Field(min_length=1, max_length=1_000)]


class QueueView(Model):
    """The queue at one moment."""

    queued: Count
    assigned: Count
    running: Count
    oldest_queued_at: UtcTime | None = None
    workers_online: Count
    slots_total: Count
    slots_free: Count
