"""What the manager's tools answer with, beside the contracts' own views."""

from contracts.base import Count, JsonObject, Level, Milliseconds, Model, Name, OptionalText, Percent, TaskId, UtcTime
from contracts.commands import Command
from contracts.events.recovery import Completion, Observed, Verified
from contracts.questions import QuestionView
from contracts.tasks import AttemptView, FailureClass, TaskState
from contracts.telemetry import MilestoneFact, TailEntry
from contracts.workers import FleetView, WorkerView


class TaskSummary(Model):
    """A task in short."""

    task_id: TaskId
    status: TaskState
    priority: Level
    description: str
    """Its beginning, when it is long."""
    assigned_worker: str | None = None
    attempt: Count
    """The current attempt; 0 before the first."""
    max_attempts: int
    percent_complete: Percent | None = None
    phase: OptionalText | None = None
    reason: OptionalText | None = None
    """Why it is where it is: what keeps it queued, how it failed, who cancelled it."""
    created_at: UtcTime
    started_at: UtcTime | None = None
    completed_at: UtcTime | None = None
    execution_time_ms: Milliseconds | None = None
    failure_class: FailureClass | None = None
    """Set once it has failed; `poison`: it is quarantined, and only retry_task lifts that."""


class TaskList(Model):
    """One page of tasks, newest first."""

    tasks: list[TaskSummary]
    next_cursor: str | None = None


class Evidence(Model):
    """How far a task's claims are checked."""

    claimed: Completion | None = None
    """What the agent said of the last closed attempt."""
    observed: Observed | None = None
    """What the worker saw of it."""
    verified: Verified | None = None
    """What the platform found when it ran the `verify` commands itself."""
    discrepancies: list[str] = []
    """Where the claim and what was seen do not agree, a sentence each."""
    analytics: dict[str, Name] = {}
    """Evidence level of each analytics type: reported, observed or verified."""


class MonitorReport(Model):
    """All there is to see of one task."""

    task_id: TaskId
    status: Name
    """What the agent last said it is doing, while it runs; otherwise the state."""
    state: TaskState
    percent_complete: Percent
    phase: Name | None = None
    current_operation: OptionalText | None = None
    priority: Level
    description: str
    assigned_worker: str | None = None
    attempt: Count
    max_attempts: int
    reason: OptionalText | None = None
    created_at: UtcTime
    started_at: UtcTime | None = None
    completed_at: UtcTime | None = None
    execution_time_ms: Milliseconds | None = None
    failure_class: FailureClass | None = None
    """Set once it has failed; `poison`: it is quarantined, and only retry_task lifts that."""
    crashes: Count = 0
    """How often workers or their sandboxes died while they had it."""
    attempts: list[AttemptView] = []
    milestones: list[MilestoneFact] = []
    streams: list[TailEntry] | None = None
    """The last stream entries, oldest first; only when asked for."""
    analytics: dict[str, JsonObject] | None = None
    """The last data of each analytics type; only when asked for."""
    evidence: Evidence = Evidence()
    questions: list[QuestionView] = []
    """Open questions of the task's worker."""
    notes: list[str] = []
    """What is missing from this report, and why."""


class Fleet(Model):
    """Answer of `manage_workers`: the workers, or the command that was sent."""

    workers: list[WorkerView] = []
    next_cursor: str | None = None
    fleet: FleetView | None = None
    """What runs them, on the first page of all; left out where that is somebody else, or not known."""
    command: Command | None = None
    """The command on its way to the worker."""


class Streams(Model):
    """The last entries of a task's live tail, oldest first."""

    task_id: TaskId
    entries: list[TailEntry]


class QuestionList(Model):
    """One page of questions."""

    questions: list[QuestionView]
    next_cursor: str | None = None
