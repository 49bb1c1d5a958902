"""Ending a task before it has ended by itself."""

from datetime import datetime

from contracts.commands import Command, CommandAction
from contracts.decided import DecidedKind
from contracts.tasks import TERMINAL_STATES, AttemptState, TaskState, TaskView
from orchestrator.decisions.outcomes import Ending
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.domain import AttemptRef
from orchestrator.handlers.closing import close_attempts
from orchestrator.handlers.telling import about_task
from orchestrator.ports import Closing, Session
from servicekit.ids import new_id

TRIES = 5
"""How often to look again when a task changes between the look and the act."""


async def cancel_task(
    session: Session, task_id: str, reason: str, policy: RetryPolicy, now: datetime, actor: str
) -> TaskView | None:
    """End a task wherever it is: a worker that has it is told to end its processes, and can change nothing any more.

    Returns it as it was last seen, None if there is none; one that has ended is left as it is.
    """
    task = None
    for _ in range(TRIES):
        task = await session.read_task(task_id)
        if task is None or task.status in TERMINAL_STATES:
            break
        cancelled = _cancel_queued if task.status is TaskState.queued else _cancel_live
        if await cancelled(session, task, reason, policy, now, actor):
            break
    return task


async def _cancel_queued(
    session: Session, task: TaskView, reason: str, _policy: RetryPolicy, now: datetime, actor: str
) -> bool:
    """Whether the task was still queued."""
    if not await session.cancel_queued(task.task_id, reason, now):
        return False
    ref, data = AttemptRef(task.task_id, task.attempt), {"reason": reason}
    question_id = task.collaboration.question_id if task.collaboration else None
    told = about_task(DecidedKind.task_cancelled, ref, now, question_id=question_id, actor=actor, data={**data})
    session.emit([told])
    return True


async def _cancel_live(
    session: Session, task: TaskView, reason: str, policy: RetryPolicy, now: datetime, actor: str
) -> bool:
    """Whether the task was still where `task` shows it."""
    ref, worker_id = AttemptRef(task.task_id, task.attempt), task.assigned_worker or ""
    ending = Ending(AttemptState.cancelled, reason, retryable=False)
    if not await close_attempts(session, [Closing(ref, worker_id, ending)], policy, now, actor):
        return False
    command = Command(
        command_id=new_id("cmd"),
        action=CommandAction.cancel,
        worker_id=worker_id,
        task_id=ref.task_id,
        attempt=ref.attempt,
        reason=reason,
        issued_at=now,
        issued_by=actor,
    )
    session.command([command])
    return True
