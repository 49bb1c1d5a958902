"""What workers are told: their task, who else is there, and what they would be given next."""

from contracts.rpc import AttemptStanding, ConfirmAttempt, GetTask, ListWorkers, NextTask, TaskBrief, WorkersFound
from contracts.workers import WorkerView
from orchestrator.decisions.masking import masked
from orchestrator.decisions.outlook import Outlook, outlook
from orchestrator.domain import Worker
from orchestrator.errors import TaskNotNamed, TaskNotShown
from orchestrator.ports import Store, Wake
from servicekit.clock import Clock


class Briefings:
    """Answers workers."""

    def __init__(self, store: Store, clock: Clock, wake: Wake) -> None:
        self._store = store
        self._clock = clock
        self._wake = wake

    async def task(self, worker_id: str, asked: GetTask) -> TaskBrief:
        """A task in which the worker has a part. Raises TaskNotNamed, TaskNotShown."""
        if asked.task_id is None:
            raise TaskNotNamed
        brief = await self._store.task_brief(asked.task_id, worker_id)
        if brief is None:
            raise TaskNotShown(asked.task_id, worker_id)
        return brief

    async def attempt(self, worker_id: str, asked: ConfirmAttempt) -> AttemptStanding:
        """Whether the worker still has an attempt. Raises TaskNotNamed."""
        if asked.task_id is None:
            raise TaskNotNamed
        before = await self._store.workers_before(asked.task_id, asked.attempt, worker_id)
        return AttemptStanding(held=before is not None)

    async def workers(self, _worker_id: str, asked: ListWorkers) -> WorkersFound:
        """Who else is there."""
        page = await self._store.worker_briefs(asked)
        return WorkersFound(workers=page.items, next_cursor=page.next_cursor)

    async def next_task(self, worker_id: str) -> NextTask:
        """What the worker would be given next, as things stand. It has room, so the scheduler is woken."""
        self._wake()
        view = await self._store.worker_view(worker_id)
        used = len(view.running) if view else 0
        seen = outlook(worker_id, _worker(view), await self._store.lines(self._clock.now()), used)
        return await self._described(seen, view.slots_free if view else 0)

    async def _described(self, seen: Outlook, free: int) -> NextTask:
        task = await self._store.task_view(seen.task_id) if seen.task_id else None
        hint = NextTask(
            queued=seen.queued, queued_for_worker=seen.queued_for_worker, slots_free=free, reason=seen.reason
        )
        if task is None:
            return hint
        requirements = masked(task.requirements.to_dict())
        about = {"task_id": task.task_id, "description": task.description, "priority": task.priority}
        return hint.model_copy(update=about | {"requirements": requirements})


def _worker(view: WorkerView | None) -> Worker | None:
    if view is None:
        return None
    tags, capabilities = frozenset(view.tags), frozenset(view.capabilities)
    return Worker(view.worker_id, view.status, tags, capabilities, view.slots_total, {})
