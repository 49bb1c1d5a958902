"""What an earlier attempt has saved, given to the worker that has the task now; from others it is kept away."""

from base64 import b64encode

from prometheus_client import Counter

from contracts import subjects
from contracts.rpc import CheckpointFound, CheckpointPart, FindCheckpoint, ReadCheckpoint
from orchestrator.decisions.fencing import is_stale
from orchestrator.errors import AttemptNotHeld, CheckpointGone, TaskNotNamed
from orchestrator.ports import Holders, KeptCheckpoints
from servicekit.metrics import REGISTRY

STALE = Counter("mews_checkpoints_stale", "Checkpoints not given out, since they came too late.", registry=REGISTRY)


class Checkpoints:
    """Answers workers. A worker may not read what others keep: it is told here, by who has which attempt."""

    def __init__(self, store: Holders, kept: KeptCheckpoints) -> None:
        self._store = store
        self._kept = kept

    async def find(self, worker_id: str, asked: FindCheckpoint) -> CheckpointFound:
        """The latest before the attempt that asks. Raises TaskNotNamed, AttemptNotHeld, CheckpointsAway.

        What an earlier attempt has saved since the task was given to this one is stale, and is not found.
        """
        before = await self._before(worker_id, asked.task_id, asked.attempt)
        since = await self._store.assigned_at(asked.task_id or "", asked.attempt)
        for attempt in sorted(before, reverse=True):
            key = subjects.object_key(asked.task_id or "", attempt, asked.name)
            found = await self._kept.find(before[attempt], key)
            if found is not None and is_stale(found, since):
                STALE.inc()
            elif found is not None:
                return found.model_copy(update={"saved_by_attempt": attempt})
        return CheckpointFound()

    async def read(self, worker_id: str, asked: ReadCheckpoint) -> CheckpointPart:
        """One part. Raises as `find` does, and CheckpointGone."""
        before = await self._before(worker_id, asked.task_id, asked.attempt)
        owner = before.get(asked.saved_by_attempt)
        key = subjects.object_key(asked.task_id or "", asked.saved_by_attempt, asked.name)
        part = await self._kept.part(owner, key, asked.slot, asked.part) if owner else None
        if part is None:
            raise CheckpointGone(key, asked.part)
        return CheckpointPart(content_base64=b64encode(part).decode())

    async def _before(self, worker_id: str, task_id: str | None, attempt: int) -> dict[int, str]:
        if task_id is None:
            raise TaskNotNamed
        before = await self._store.workers_before(task_id, attempt, worker_id)
        if before is None:
            raise AttemptNotHeld(task_id, attempt, worker_id)
        return before
