"""What the handlers need from outside: the store, the way to the workers, the wake-up call."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from contracts.base import Page
from contracts.commands import Command
from contracts.decided import DecidedKind
from contracts.tasks import AttemptState, QueueView, TaskState, TaskView
from contracts.workers import Registration, WorkerStatus, WorkerView
from orchestrator.decisions.outcomes import Ending
from orchestrator.domain import (
    Assigned,
    AttemptRef,
    Closed,
    Demand,
    Fate,
    NewTaskRow,
    Queued,
    Worker,
    WorkerSeen,
)

Wake = Callable[[], None]
"""Tells the scheduler that something may have become possible."""


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


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """What is known of an attempt that a report names."""

    worker_id: str
    state: AttemptState
    is_current: bool


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


@dataclass(frozen=True, slots=True)
class WorkerTally:
    """What one worker ended in one gathering, of one kind of work."""

    worker_id: str
    work_key: str
    completed: int
    failed: int
    total_ms: float


class TaskWrites(Protocol):
    """Writing tasks and their attempts; all in the session's transaction."""

    async def insert_tasks(self, new: Sequence[NewTaskRow]) -> set[str]:
        """Write new tasks; the ids of those whose idempotency key was not taken."""
        ...

    async def tasks_by_key(self, keys: Sequence[str]) -> dict[str, tuple[TaskView, str]]:
        """Task and body hash by idempotency key."""
        ...

    async def read_task(self, task_id: str) -> TaskView | None:
        """The task, without its attempts."""
        ...

    async def cancel_queued(self, task_id: str, reason: str, now: datetime) -> bool:
        """End a task that is still queued; whether it was."""
        ...

    async def requeue(self, task_id: str, rank_at: datetime) -> bool:
        """Queue an ended task again, with a fresh budget; whether it had ended so that it may be."""
        ...

    async def complete(self, closings: Sequence[Closing], told: Sequence[bytes], now: datetime) -> set[AttemptRef]:
        """`close`, `settle`, `count_ended` and `emit` in one statement, for attempts that completed.

        `told` is the JSON of the event for each. Those that were not live, or not this worker's, are left out.
        """
        ...

    async def close(self, closings: Sequence[Closing], now: datetime) -> list[Closed]:
        """Close live attempts; those that were not live, or not this worker's, are left out of the answer."""
        ...

    async def settle(self, fates: Sequence[Fate], now: datetime) -> None:
        """Write what became of tasks whose attempts were closed in this transaction."""
        ...

    async def advance(self, made: Sequence[ProgressMade], now: datetime) -> list[Moved]:
        """Store progress; tasks whose attempt is not live are left out of the answer."""
        ...

    async def keep_claims(self, claims: Mapping[tuple[AttemptRef, str], bytes]) -> set[tuple[AttemptRef, str]]:
        """Store the agents' claims of completion (JSON by attempt and worker); those whose attempt is live."""
        ...

    async def acknowledge(self, ref: AttemptRef, analytics: bytes) -> None:
        """Keep what a worker saw of an attempt that was cancelled here."""
        ...

    async def ask(self, ref: AttemptRef, question_id: str) -> Moved | None:
        """A question of the live attempt is open."""
        ...

    async def unask(self, task_id: str, question_id: str) -> Moved | None:
        """A question is no longer open."""
        ...

    async def facts_of(self, refs: Sequence[AttemptRef]) -> dict[AttemptRef, AttemptFacts]:
        """What is known of these attempts."""
        ...

    async def mark_stale(self, refs: Sequence[AttemptRef]) -> list[AttemptRef]:
        """Remember that these attempts spoke after they were closed; those for which it is new."""
        ...

    async def live_attempts_of(self, worker_id: str) -> list[LiveAttempt]:
        """The live attempts of one worker."""
        ...


class WorkerWrites(Protocol):
    """Writing workers; all in the session's transaction."""

    async def register(
        self, worker: Registration, told: WorkerStatus | None, former: Sequence[str], now: datetime
    ) -> None:
        """Write a worker that introduced itself."""
        ...

    async def lock_worker(self, worker_id: str) -> Member | None:
        """The worker, held until the end of the transaction."""
        ...

    async def set_told(self, worker_id: str, told: WorkerStatus | None, status: WorkerStatus) -> None:
        """What the worker was told to be."""
        ...

    async def reconfigure(self, worker_id: str, slots: int | None, tags: Sequence[str] | None) -> None:
        """Change what the scheduler goes by."""
        ...

    async def see(self, seen: Sequence[WorkerSeen], now: datetime) -> dict[str, tuple[WorkerStatus, WorkerStatus]]:
        """Write heartbeats; status before and after of each worker whose incarnation is the registered one."""
        ...

    async def set_offline(self, worker_ids: Sequence[str], reason: str) -> list[str]:
        """Mark workers offline; those that were not."""
        ...

    async def count_ended(self, tallies: Sequence[WorkerTally], now: datetime) -> None:
        """Add to the workers' counters and experience."""
        ...


class Session(TaskWrites, WorkerWrites, Protocol):
    """One transaction."""

    async def assert_epoch(self, epoch: int) -> None:
        """Raise unless this process still leads under `epoch`."""
        ...

    async def claim(self, received: Sequence[Any], consumer: str) -> list[Any]:
        """Those batches that were not applied before; marked as applied."""
        ...

    def emit(self, events: Iterable[Said]) -> None:
        """Say domain events once this is committed."""
        ...

    def command(self, commands: Iterable[Command]) -> None:
        """Say commands once this is committed."""
        ...


class Dispatch(Protocol):
    """The hot path of the scheduler: one statement, and so one transaction, each."""

    async def create(self, new: Sequence[NewTaskRow], told: Sequence[bytes]) -> None:
        """Write new tasks without idempotency keys, and the JSON of the event for each."""
        ...

    async def waiting_lines(self) -> tuple[list[str], dict[str, int]]:
        """The demand keys of all queued tasks, each once; and live attempts by worker."""
        ...

    async def demands(self, keys: Sequence[str]) -> dict[str, Demand]:
        """What these lines demand."""
        ...

    async def queued(self, sizes: Mapping[str, int], now: datetime) -> list[Queued]:
        """The first due tasks of each line (by demand key), at most that many of each."""
        ...

    async def assign(self, placings: Sequence[Placing], *, epoch: int, lease_ms: int, now: datetime) -> list[Assigned]:
        """Write the attempts of all tasks that are still queued, on workers that are still online, and say so.

        Raises LostLeadershipError if this process does not lead under `epoch`.
        """
        ...

    async def mark_published(self, refs: Sequence[AttemptRef], now: datetime) -> None:
        """The broker has these assignments."""
        ...


class LeaderReads(Protocol):
    """What the leader reads outside any transaction."""

    async def fleet(self) -> list[Member]:
        """All workers."""
        ...

    async def live_attempts(self) -> list[LiveAttempt]:
        """All live attempts."""
        ...

    async def unpublished(self, older_than: datetime, lease_ms: int, limit: int) -> list[Assigned]:
        """Attempts that were committed and may not have reached the broker."""
        ...

    async def explain(self, reasons: Mapping[str, str], older_than: datetime, now: datetime) -> None:
        """Write the reason of due tasks by demand key, where it is another; so many at once and no more."""
        ...


class Views(Protocol):
    """What the API shows."""

    async def task_view(self, task_id: str) -> TaskView | None:
        """A task with its attempts."""
        ...

    async def task_page(self, chosen: TaskFilter, cursor: str | None, limit: int) -> Page[TaskView]:
        """Tasks, newest first, without their attempts."""
        ...

    async def worker_view(self, worker_id: str) -> WorkerView | None:
        """A worker."""
        ...

    async def worker_page(self, status: Sequence[WorkerStatus], cursor: str | None, limit: int) -> Page[WorkerView]:
        """Workers by id."""
        ...

    async def queue_view(self) -> QueueView:
        """The queue at this moment."""
        ...


class Store(Dispatch, LeaderReads, Views, Protocol):
    """The database."""

    def transaction(self) -> AbstractAsyncContextManager[Session]:
        """A transaction: committed at the end of the block, rolled back when it raises."""
        ...

    async def notify_leader(self) -> None:
        """Wake the leader in another process."""
        ...


class Couriers(Protocol):
    """Brings assignments to the broker."""

    def send(self, assigned: Sequence[Assigned]) -> None:
        """Publish soon; what fails is found again by the relay."""
        ...

    def on_the_way(self, ref: AttemptRef) -> bool:
        """Whether this process is publishing it, or has and is about to mark it."""
        ...


class BusLink(Protocol):
    """Whether the bus is there."""

    @property
    def connected(self) -> bool:
        """What the client believes."""
        ...

    async def answers(self) -> bool:
        """Whether the broker answers now."""
        ...
