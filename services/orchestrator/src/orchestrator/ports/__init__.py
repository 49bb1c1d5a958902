"""What the handlers need from outside: the store, the way to the workers, the wake-up call."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from contracts.base import Page
from contracts.rpc import CheckpointFound, ListWorkers, Mailbox, TaskBrief, WorkerBrief
from contracts.tasks import QueueView, TaskView
from contracts.workers import WorkerStatus, WorkerView
from orchestrator.decisions.orders import Order
from orchestrator.domain import (
    Assigned,
    AttemptRef,
    Demand,
    Experience,
    Intention,
    Line,
    LiveRun,
    NewTaskRow,
    Overdue,
    Queued,
)
from orchestrator.ports.fleet import Fleet, FleetTraits
from orchestrator.ports.values import (
    AttemptFacts,
    Backlog,
    Closing,
    LiveAttempt,
    Member,
    Moved,
    Placing,
    ProgressMade,
    Said,
    TaskFilter,
    WorkerTally,
)
from orchestrator.ports.writing import Session

__all__ = [
    "AttemptFacts",
    "Backlog",
    "Briefs",
    "BusLink",
    "Closing",
    "Couriers",
    "Dispatch",
    "Fleet",
    "FleetReads",
    "FleetTraits",
    "Holders",
    "KeptCheckpoints",
    "LeaderReads",
    "LiveAttempt",
    "Mailboxes",
    "Member",
    "Moved",
    "Placing",
    "ProgressMade",
    "Said",
    "Session",
    "Store",
    "TaskFilter",
    "Views",
    "Wake",
    "WorkerTally",
]

Wake = Callable[[], None]
"""Tells the scheduler that something may have become possible."""


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

        None is written if that would be more than a worker has slots. Raises LostLeadershipError if this process does
        not lead under `epoch`.
        """
        ...

    async def mark_published(self, refs: Sequence[AttemptRef], now: datetime) -> None:
        """The broker has these assignments."""
        ...


class LeaderReads(Protocol):
    """What the leader reads outside any transaction."""

    async def fleet(self, since: datetime) -> list[Member]:
        """All workers but those that have been offline since before; without their experience."""
        ...

    async def experience(self, since: datetime) -> list[tuple[str, str, Experience]]:
        """Worker id, work key and all its experience, where some is newer than `since`; of workers that are there."""
        ...

    async def live_attempts(self) -> list[LiveAttempt]:
        """All live attempts."""
        ...

    async def unpublished(self, older_than: datetime, lease_ms: int, limit: int) -> list[Assigned]:
        """Attempts that were committed and may not have reached the broker."""
        ...

    async def overdue(self, now: datetime, limit: int) -> list[Overdue]:
        """Queued tasks that have waited too long, the longest first."""
        ...

    async def live_runs(self, before: datetime) -> list[LiveRun]:
        """Live attempts that were assigned, or last went on after a pause, before that; none that is paused."""
        ...

    async def backlog(self, now: datetime) -> Backlog:
        """How much there is to do, and with what."""
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


class Holders(Protocol):
    """Who has which attempt."""

    async def workers_before(self, task_id: str, attempt: int, worker_id: str) -> dict[int, str] | None:
        """Who had the attempts before this one, by number; None unless this worker has it and it is live."""
        ...

    async def assigned_at(self, task_id: str, attempt: int) -> datetime | None:
        """When an attempt was given to its worker; None for one that there is not."""
        ...


class Briefs(Protocol):
    """What workers are told."""

    async def task_brief(self, task_id: str, worker_id: str) -> TaskBrief | None:
        """A task in which this worker has a part: an attempt of it, or of the task at the other end of a request."""
        ...

    async def worker_briefs(self, wanted: ListWorkers) -> Page[WorkerBrief]:
        """Workers by id."""
        ...

    async def lines(self, now: datetime) -> list[Line]:
        """The lines of the queue, with the first due task of each; so many and no more."""
        ...


class KeptCheckpoints(Protocol):
    """What workers have saved. Raises CheckpointsAway."""

    async def find(self, owner: str, key: str) -> CheckpointFound | None:
        """What is known of a worker's checkpoint, but for the attempt; None when there is none."""
        ...

    async def part(self, owner: str, key: str, slot: int, number: int) -> bytes | None:
        """A part of its content; None when it is not there."""
        ...


class Mailboxes(Protocol):
    """The consumers of workers."""

    async def open(self, worker_id: str) -> Mailbox:
        """Make those of one worker, unless they are there."""
        ...


class FleetReads(Protocol):
    """What the fleet is to do."""

    async def intentions(self) -> list[Intention]:
        """All that is meant to be done with workers."""
        ...

    async def orders(self) -> list[Order]:
        """What was asked of whoever runs the fleet, and is not told of yet."""
        ...


class Store(Dispatch, LeaderReads, Views, Briefs, Holders, FleetReads, Protocol):
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
