"""What must be known again after a crash, and what outlives the worker."""

from datetime import datetime
from typing import Protocol

from contracts.events.deliverables import StoredObject
from worker_agent.domain import AttemptKey, AttemptRecord, WorkerState


class Journal(Protocol):
    """What must be known again after a crash. Every write is on disk when it returns."""

    async def save(self, record: AttemptRecord) -> None:
        """Write the state of an attempt."""
        ...

    async def load(self) -> list[AttemptRecord]:
        """All attempts that are known."""
        ...

    async def remove(self, key: AttemptKey) -> None:
        """Forget an attempt."""
        ...

    def mark_output(self, key: AttemptKey, offset: int) -> None:
        """Note how far the agent's output is reported; may be lost when the machine fails."""
        ...

    def output_mark(self, key: AttemptKey) -> int:
        """How far the agent's output was reported."""
        ...

    def mark_progress(self, key: AttemptKey, percent: float) -> None:
        """Note how much the agent says is done; may be lost when the machine fails."""
        ...

    def progress_mark(self, key: AttemptKey) -> float:
        """How much the agent said was done; 0 if it said nothing."""
        ...

    def mark_alive(self, now: datetime) -> None:
        """Note that this worker lives."""
        ...

    def last_alive(self) -> datetime | None:
        """When this worker was last known to live; None if it is new."""
        ...

    def mark_stopped(self) -> None:
        """Note that this worker ends in order."""
        ...

    def stopped_in_order(self) -> bool:
        """Whether it ended in order the last time; asking forgets it."""
        ...

    async def save_state(self, state: WorkerState) -> None:
        """Write what commands changed about this worker."""
        ...


class ObjectStore(Protocol):
    """Content that outlives a worker. Raises ObjectsUnavailable when it is away."""

    async def put(self, bucket: str, key: str, content: bytes, media_type: str) -> StoredObject:
        """Keep content under a key; the same key again replaces it."""
        ...

    async def get(self, bucket: str, key: str) -> bytes | None:
        """What this worker keeps under a key; None when there is nothing."""
        ...

    async def earlier_checkpoint(self, key: AttemptKey, name: str, most_bytes: int) -> bytes | None:
        """What the latest attempt before this one, on whatever worker, saved under a name; None when none did.

        Raises CheckpointDamaged for one that is larger than that.
        """
        ...
