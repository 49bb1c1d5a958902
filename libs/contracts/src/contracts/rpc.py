"""What a worker asks the services over `manager.rpc.<service>.<verb>.<worker>`, and what they answer."""

from typing import Annotated, NamedTuple

from pydantic import Field

from contracts.base import (
    AttemptNumber,
    Count,
    JsonObject,
    Level,
    Milliseconds,
    Model,
    Name,
    Names,
    OptionalText,
    QuestionId,
    TaskId,
    UtcTime,
    WorkerId,
)
from contracts.learnings import LearningsFound, SearchLearnings
from contracts.questions import QuestionView
from contracts.reports import Report
from contracts.tasks import AttemptView, CollaborationTerms, TaskProgress, TaskState
from contracts.workers import WorkerStatus

Wait = Annotated[int, Field(ge=0, le=600_000)]
"""Milliseconds, at most ten minutes."""

LONGEST_WAIT_MS = 4_000
"""How long a service itself waits before it answers how things stand: below the time in which an answer is expected."""


class GetTask(Report):
    """Input of `get_task`: the task as the platform knows it."""


class TaskBrief(Model):
    """A task as a worker sees it: without the values of its environment."""

    task_id: TaskId
    description: str
    status: TaskState
    priority: Level
    requirements: JsonObject = {}
    """As they were written, but for the values of `env` and the credentials in `repository`."""
    attempt: Count
    """The current attempt."""
    max_attempts: Count
    attempts: list[AttemptView] = []
    """Earlier attempts and how they ended."""
    progress: TaskProgress | None = None
    estimated_duration_ms: Milliseconds | None = None
    created_at: UtcTime
    reason: OptionalText | None = None
    parent_task_id: TaskId | None = None
    collaboration: CollaborationTerms | None = None
    """What it is for, if another worker asked for it."""


class ListWorkers(Report):
    """Input of `list_workers`: who else is there."""

    status: WorkerStatus | None = None
    """Only workers of this status."""
    tags: Names = []
    """Only workers with all of these tags."""
    capabilities: Names = []
    """Only workers with all of these capabilities, such as `agent:claude`."""
    free_only: bool = False
    """Only workers with a free slot."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: OptionalText | None = None
    """next_cursor of the page before."""


class WorkerBrief(Model):
    """A worker as other workers see it."""

    worker_id: WorkerId
    status: WorkerStatus
    tags: list[Name] = []
    capabilities: list[Name] = []
    slots_total: Count = 0
    slots_free: Count = 0
    tasks_completed: Count = 0
    tasks_failed: Count = 0


class WorkersFound(Model):
    """Answer to `list_workers`."""

    workers: list[WorkerBrief]
    next_cursor: str | None = None


class GetAnswer(Report):
    """Input of `get_answer`: how a question or request stands."""

    question_id: QuestionId
    wait_ms: Wait = 0
    """How long to wait for it to be closed; 0: do not wait. One request waits for at most `LONGEST_WAIT_MS`."""


class GetNextTask(Report):
    """Input of `get_next_task`: what this worker will be given next, as things stand."""


class NextTask(Model):
    """Answer on `manager.next_task.<worker>`: a hint, no promise; assignments come only on `worker.task.<worker>`."""

    task_id: TaskId | None = None
    """None: nothing that is queued would go to this worker."""
    description: str | None = None
    priority: Level | None = None
    requirements: JsonObject = {}
    """As they were written, but for the values of `env` and the credentials in `repository`."""
    queued: Count = 0
    """Tasks in the queue, of the whole fleet."""
    queued_for_worker: Count = 0
    """Those that this worker could take."""
    slots_free: Count = 0
    """Of this worker."""
    reason: OptionalText | None = None
    """Why there is none, or what it waits for."""


class CheckCommands(Report):
    """Input of `check_commands`: whether the manager wants something of this attempt."""

    wait_ms: Wait = 0
    """How long to wait for a command; 0: do not wait."""


class LoadCheckpoint(Report):
    """Input of `load_checkpoint`: what an earlier attempt, or this one, has saved."""

    name: Name = "latest"
    restore_files: bool = True
    """Write its files back into the workspace."""


class OpenMailbox(Report):
    """A worker asks for its consumers of tasks and commands, which it may not make itself."""


class Mailbox(Model):
    """Answer to `open_mailbox`: they are there, under these names."""

    tasks: Name
    commands: Name


class GetTime(Report):
    """A worker asks what the time is: what it reports is compared with what services decide, by their clocks."""


class ServerTime(Model):
    """Answer to `get_time`."""

    now: UtcTime


class ConfirmAttempt(Report):
    """A worker asks whether it still has an attempt, before it does for it what others will build on."""

    attempt: AttemptNumber


class AttemptStanding(Model):
    """Answer to `confirm_attempt`."""

    held: bool
    """Whether the attempt is live, and this worker's."""


class FindCheckpoint(Report):
    """A live attempt asks for the checkpoint that the latest attempt before it has saved under a name."""

    attempt: AttemptNumber
    """The attempt that asks."""
    name: Name
    """The last part of its key."""


class CheckpointFound(Model):
    """Answer to `find_checkpoint`; without `saved_by_attempt` there is none."""

    saved_by_attempt: AttemptNumber | None = None
    slot: Count = 0
    parts: Count = 0
    """In how many parts it is read."""
    size_bytes: Count = 0
    digest: Name | None = None
    stored_at: UtcTime | None = None
    """When the broker stored it, by its own clock."""


class ReadCheckpoint(Report):
    """A live attempt reads one part of a checkpoint that was found for it."""

    attempt: AttemptNumber
    """The attempt that asks."""
    name: Name
    saved_by_attempt: AttemptNumber
    slot: Count
    part: Count
    """From 0."""


class CheckpointPart(Model):
    """Answer to `read_checkpoint`."""

    content_base64: str


class Rpc(NamedTuple):
    """A verb: the service that answers, and the contracts of request and answer."""

    service: str
    request: type[Report]
    answer: type[Model]


RPCS: dict[str, Rpc] = {
    "get_task": Rpc("orchestrator", GetTask, TaskBrief),
    "list_workers": Rpc("orchestrator", ListWorkers, WorkersFound),
    "open_mailbox": Rpc("orchestrator", OpenMailbox, Mailbox),
    "get_time": Rpc("orchestrator", GetTime, ServerTime),
    "confirm_attempt": Rpc("orchestrator", ConfirmAttempt, AttemptStanding),
    "find_checkpoint": Rpc("orchestrator", FindCheckpoint, CheckpointFound),
    "read_checkpoint": Rpc("orchestrator", ReadCheckpoint, CheckpointPart),
    "get_answer": Rpc("question-broker", GetAnswer, QuestionView),
    "search_learnings": Rpc("question-broker", SearchLearnings, LearningsFound),
}
"""By verb; where a tool is called like one, the tool asks it."""
