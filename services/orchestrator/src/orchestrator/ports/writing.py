"""Writing, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from contracts.commands import Command
from contracts.tasks import CollaborationTerms, TaskView
from contracts.workers import Registration, WorkerStatus
from orchestrator.decisions.orders import Order
from orchestrator.domain import AttemptRef, Closed, Fate, Intention, NewTaskRow, WorkerSeen
from orchestrator.ports.values import (
    AttemptFacts,
    Closing,
    LiveAttempt,
    Member,
    Moved,
    ProgressMade,
    Said,
    WorkerTally,
)


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

    async def requeue(self, task_id: str, rank_at: datetime, queue_until: datetime | None) -> bool:
        """Queue an ended task again, with a fresh budget; whether it had ended so that it may be."""
        ...

    async def time_out_queued(self, overdue: Mapping[AttemptRef, str], now: datetime) -> set[AttemptRef]:
        """End tasks (with the reason of each) that are still queued; those that were."""
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

    async def ask(self, ref: AttemptRef, worker_id: str, question_id: str) -> Moved | None:
        """A question of the live attempt, asked by the worker that holds it, is open."""
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


class LinkWrites(Protocol):
    """Writing tasks that other workers asked for; all in the session's transaction."""

    async def hold_live(self, ref: AttemptRef) -> TaskView | None:
        """The task, if this attempt of it is live: it stays so until the end of the transaction."""
        ...

    async def knows_worker(self, worker_id: str) -> bool:
        """Whether a worker with this id has ever registered."""
        ...

    async def helper_capabilities(self, target: str | None, asker: str) -> set[str]:
        """What the named worker can do; without a name, what any that is not offline can, but for the asker."""
        ...

    async def link_task(self, new: NewTaskRow, terms: CollaborationTerms) -> bool:
        """Write the task for a request, unless there is one; whether there was none."""
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


class FleetWrites(Protocol):
    """Writing what is to become of instances of workers; all in the session's transaction."""

    async def intend(self, intention: Intention) -> None:
        """Write down what is meant to be done with a worker; a restart that is asked for again may be hastened."""
        ...

    async def bind(self, intention: Intention, instance: str) -> None:
        """Write down which instance is to end, once."""
        ...

    async def still_means(self, intention: Intention) -> bool:
        """Whether it is still meant; it stays so until the end of the transaction."""
        ...

    async def retell(self, worker_id: str, told: WorkerStatus | None) -> None:
        """What is meant to be done with a worker ends with this, whatever the worker was told before."""
        ...

    async def drop(self, intention: Intention) -> Intention | None:
        """It is done, or given up; as it was last, if it was still there."""
        ...

    async def drop_intention(self, worker_id: str) -> None:
        """Whatever was meant to be done with a worker is not."""
        ...

    async def place_order(self, order: Order) -> None:
        """Write down what is asked of whoever runs the fleet, before it is; another with its key is replaced."""
        ...

    async def close_order(self, order: Order) -> bool:
        """It is done, or never will be; whether it was still there."""
        ...

    async def retire(self, worker_id: str, reason: str) -> bool:
        """A worker is gone for good; whether that is new."""
        ...


class Session(TaskWrites, LinkWrites, WorkerWrites, FleetWrites, Protocol):
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
