"""What this service thinks about: states with their legal transitions, demands, workers, attempts. All frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from contracts.tasks import TERMINAL_STATES, AttemptState, FailureClass, NewTask, TaskState
from contracts.workers import WorkerStatus
from orchestrator.errors import IllegalTransition

_ENDS = TERMINAL_STATES | {TaskState.queued}

TRANSITIONS: Mapping[TaskState, frozenset[TaskState]] = {
    TaskState.queued: frozenset({TaskState.assigned, TaskState.cancelled, TaskState.timed_out}),
    TaskState.assigned: _ENDS | {TaskState.running, TaskState.paused, TaskState.waiting},
    TaskState.running: _ENDS | {TaskState.paused, TaskState.waiting},
    TaskState.paused: _ENDS | {TaskState.running, TaskState.waiting},
    TaskState.waiting: _ENDS | {TaskState.running, TaskState.paused},
    TaskState.completed: frozenset(),
    TaskState.failed: frozenset({TaskState.queued}),
    TaskState.cancelled: frozenset({TaskState.queued}),
    TaskState.timed_out: frozenset({TaskState.queued}),
}
"""Every legal transition; there are no others."""

LIVE_STATES = frozenset({TaskState.assigned, TaskState.running, TaskState.paused, TaskState.waiting})
"""States of a task that has a live attempt."""

RETRYABLE_STATES = frozenset({TaskState.failed, TaskState.cancelled, TaskState.timed_out})
"""States from which a manager may have a task tried again."""

LIVE_ATTEMPTS = frozenset({AttemptState.assigned, AttemptState.running})

ENDED_BY_OUTCOME = frozenset({AttemptState.completed, AttemptState.failed, AttemptState.timed_out})
"""States that only the attempt's own outcome gives it."""


class AttemptRef(NamedTuple):
    """One attempt of one task."""

    task_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Demand:
    """The hard requirements of a task; tasks with equal demands wait in one line."""

    worker_id: str | None = None
    tags: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    """Agent included, as `agent:<name>`."""
    but_not: str | None = None
    """A worker that must not take it: whoever asked for help is not its own helper."""

    @property
    def is_help(self) -> bool:
        """Whether another worker asked for it, and may stand still until it is done."""
        return self.but_not is not None


@dataclass(frozen=True, slots=True)
class NewTaskRow:
    """A task that is about to be written, with all that is derived from what was asked."""

    task_id: str
    task: NewTask
    requirements_json: str
    body_hash: str
    """Empty without an idempotency key, for then nothing asks for it."""
    demand_key: str
    work_key: str
    rank_at: datetime
    created_at: datetime
    queue_until: datetime | None = None
    """When it is `timed_out` if no worker has taken it."""
    traceparent: str | None = None
    """The trace in which it was asked for."""


class Traits(NamedTuple):
    """What reports group tasks by; `repository` as the task names it, perhaps with credentials."""

    priority: str
    created_at: datetime
    estimated_duration_ms: int | None = None
    repository: str | None = None
    agent: str | None = None
    task_class: str | None = None


class Queued(NamedTuple):
    """A queued task, as far as the choice of a worker needs it. `attempt`: the last one, 0 before the first."""

    task_id: str
    attempt: int
    demand_key: str
    work_key: str
    rank_at: datetime
    has_repository: bool = False
    avoid_worker: str | None = None
    """Worker on which the last attempt went wrong."""
    question_id: str | None = None
    """The request for collaboration that it is for."""
    traceparent: str | None = None
    """The trace in which it was asked for."""
    earlier: str | None = None
    """The trace in which the last attempt was assigned."""
    traits: Traits | None = None


class Line(NamedTuple):
    """A line of the queue: how many tasks wait in it, and the first that is due, if one is."""

    demand: Demand
    waiting: int
    rank_at: datetime | None
    task_id: str | None


@dataclass(frozen=True, slots=True)
class Experience:
    """How a worker did on one kind of work (the same agent and repository)."""

    completed: int = 0
    failed: int = 0
    mean_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker, as far as the choice needs it. `experience` is by work key."""

    worker_id: str
    status: WorkerStatus
    tags: frozenset[str]
    capabilities: frozenset[str]
    slots_total: int
    experience: Mapping[str, Experience]


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker's last heartbeat, reduced to what is stored."""

    worker_id: str
    incarnation: str
    status: WorkerStatus
    slots_total: int
    cpu_percent: float
    memory_mb: float
    round_trip_ms: float | None


class AttemptTrace(NamedTuple):
    """Where an attempt stands among traces: the place of its first span, what that belongs to, what it links to."""

    place: str
    parent: str | None = None
    links: tuple[str, ...] = ()
    begun_at: datetime | None = None
    """When it was decided upon; None where another process has told of that."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """An attempt that was written and now must reach its worker. `payload` is the Assignment's JSON."""

    ref: AttemptRef
    worker_id: str
    created_at: datetime
    payload: bytes
    trace: AttemptTrace | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """An attempt that has just been closed, with what the fate of its task depends on."""

    ref: AttemptRef
    worker_id: str
    burned: int
    """Attempts that count against `max_attempts`, this one not yet."""
    max_attempts: int
    refusals: int
    work_key: str
    started_at: datetime | None
    question_id: str | None = None
    """The request for collaboration that the task is for."""
    crashes: int = 0
    """How often workers died while they had the task, this attempt not yet."""
    queue_ms: int | None = None
    """How long the task may wait in the queue, if it says so."""


class Overdue(NamedTuple):
    """A queued task that no worker has taken in time; `queue_ms` as the task says it."""

    ref: AttemptRef
    demand_key: str
    queue_ms: int | None
    question_id: str | None


class LiveRun(NamedTuple):
    """A live attempt that is not paused, with the limits that its task names. `since`: it was assigned, or went on."""

    ref: AttemptRef
    worker_id: str
    since: datetime
    run_ms: int | None
    verify_ms: int | None


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a task once its attempt is closed. `analytics` is JSON."""

    ref: AttemptRef
    status: TaskState
    reason: str | None
    burned: int
    refusals: int
    next_attempt_at: datetime | None = None
    avoid_worker: str | None = None
    started_at: datetime | None = None
    execution_time_ms: int | None = None
    analytics: bytes | None = None
    failure_class: FailureClass | None = None
    crashes: int = 0
    queue_until: datetime | None = None


class FleetAction(StrEnum):
    """What is to become of a worker's instance: it is ended and comes anew, or its place is given up."""

    restart = "restart"
    remove = "remove"


@dataclass(frozen=True, slots=True)
class Intention:
    """What the fleet means to do with a worker. `instance`: what is to end, once that is known; never another."""

    worker_id: str
    action: FleetAction
    instance: str | None
    asked_at: datetime
    asked_by: str
    until: datetime | None = None
    """From when on it does not wait for attempts any more; None: it waits for all of them."""
    told: WorkerStatus | None = None
    """What a manager has told the worker to be, before or since: it is so afterwards. None: it works."""
    reason: str | None = None


class Instance(NamedTuple):
    """One life of a worker as whoever runs it knows it: a pod, or a process. `instance` is never given again."""

    worker_id: str
    instance: str
    is_ready: bool
    is_ending: bool = False
    reason: str | None = None
    """Why it is not ready, if that is known."""


class FleetLook(NamedTuple):
    """What runs at one moment.

    `version`: what a change of `replicas` is based on; another change makes it void. None: it never changes, so who has
    no place here came from elsewhere.
    """

    replicas: int
    version: str | None
    instances: Sequence[Instance]


def check_transition(source: TaskState, target: TaskState) -> None:
    """Raise IllegalTransition unless a task may go from `source` to `target`."""
    if target not in TRANSITIONS[source]:
        raise IllegalTransition(source, target)


def sources_of(target: TaskState) -> list[str]:
    """The states from which `target` may be reached: the guard of a set-based update."""
    return sorted(source.value for source, targets in TRANSITIONS.items() if target in targets)
