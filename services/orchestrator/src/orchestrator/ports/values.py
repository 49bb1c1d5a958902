"""What goes through the ports, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from contracts.decided import DecidedKind
from contracts.tasks import AttemptState, TaskState
from contracts.workers import WorkerStatus
from orchestrator.decisions.outcomes import Ending
from orchestrator.domain import AttemptRef, AttemptTrace, Worker


@dataclass(frozen=True, slots=True)
class Closing:
    """An attempt to be closed, if it is still live and `worker_id` still holds it."""

    ref: AttemptRef
    worker_id: str
    ending: Ending


@dataclass(frozen=True, slots=True)
class ProgressMade:
    """The last progress of an attempt in one gathering; `first_at` is when the first was made."""

    ref: AttemptRef
    worker_id: str
    progress_json: bytes
    first_at: datetime
    paused: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """A task whose state a progress report may have changed."""

    ref: AttemptRef
    worker_id: str
    before: TaskState
    after: TaskState

    @property
    def went_on(self) -> bool:
        """Whether a pause has ended."""
        return self.before is TaskState.paused and self.after is not TaskState.paused


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """What is known of an attempt that a report names."""

    worker_id: str
    state: AttemptState
    is_current: bool


@dataclass(frozen=True, slots=True)
class Backlog:
    """Tasks that have not ended, by state; how long the one has waited that has been due for longest (0: none waits);
    tasks in quarantine; slots of the workers that are online, and how many of these are taken."""

    tasks: Mapping[str, int]
    oldest_due_s: float
    quarantined: int
    slots: int
    slots_used: int


@dataclass(frozen=True, slots=True)
class Member:
    """A worker as the leader keeps it in memory."""

    worker: Worker
    incarnation: str
    former: tuple[str, ...]
    """Incarnations that were replaced, the latest last."""
    told: WorkerStatus | None


class Placing(NamedTuple):
    """A task that goes to a worker, as this attempt; `told` is the JSON of the event that says so."""

    ref: AttemptRef
    worker_id: str
    told: bytes
    trace: AttemptTrace | None = None


class Said(NamedTuple):
    """A domain event as it goes out: its kind, and its JSON."""

    kind: DecidedKind
    json: bytes


@dataclass(frozen=True, slots=True)
class LiveAttempt:
    """A live attempt, as far as leases need it."""

    ref: AttemptRef
    worker_id: str
    state: AttemptState


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks to list."""

    status: tuple[TaskState, ...] = ()
    worker_id: str | None = None
    priority: str | None = None
    since: datetime | None = None
    quarantined: bool = False
    """Only those in quarantine."""


@dataclass(frozen=True, slots=True)
class WorkerTally:
    """What one worker ended in one gathering, of one kind of work."""

    worker_id: str
    work_key: str
    completed: int
    failed: int
    total_ms: float
