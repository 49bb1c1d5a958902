"""What becomes of tasks, by the word of the orchestrator."""

from typing import Any

from analytics_query.decisions.folding.bounded import admit, is_newer
from analytics_query.decisions.folding.groups import entities_about, entities_of_task, performer_name
from analytics_query.decisions.folding.lifecycle import milliseconds
from analytics_query.decisions.folding.tables import TaskCredit, TaskFold
from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.documents import Ending, Performer, TaskDocument
from analytics_query.domain.vocabulary import SYSTEM, Dimension
from contracts.decided import DecidedEvent, DecidedKind, TaskAbout
from contracts.tasks import FailureClass

MOST_PERFORMERS = 64
ENDS = {
    DecidedKind.task_completed: "completed",
    DecidedKind.task_failed: "failed",
    DecidedKind.task_cancelled: "cancelled",
    DecidedKind.task_timed_out: "timed_out",
}


def _queued(task: TaskDocument, event: DecidedEvent) -> None:
    if task.created_at is None or event.occurred_at < task.created_at:
        task.about = TaskAbout.model_validate(event.data)
        task.created_at = event.occurred_at


def _assigned(task: TaskDocument, event: DecidedEvent) -> None:
    task.assigned_at = min(task.assigned_at or event.occurred_at, event.occurred_at)
    newest = (event.attempt or 0, event.worker_id or "")
    if newest > (task.attempt, task.worker_id or ""):
        task.attempt, task.worker_id = newest


def _requeued(task: TaskDocument, event: DecidedEvent) -> None:
    task.retried_at = max(task.retried_at or event.occurred_at, event.occurred_at)


def _ended(task: TaskDocument, event: DecidedEvent) -> None:
    ending = Ending(event.occurred_at, event.event_id, ENDS[event.kind])
    if task.ending is None or ending >= task.ending:
        why = event.data.get("failure_class")
        task.ending, task.failure_class = ending, str(why) if why in list(FailureClass) else None


def _performed(task: TaskDocument, event: Any) -> None:
    name = performer_name(event.attempt or 0, event.worker_id)
    observed = event.body.observed
    if observed is None or not admit(task.performers, name, MOST_PERFORMERS):
        return
    if is_newer(task.performers.get(name), event):
        task.performers[name] = Performer(
            seq=event.seq, event_id=event.event_id, agent=observed.agent, model=observed.model
        )


def _credit_creation(task: TaskDocument, ledger: Ledger) -> None:
    if task.created_at is not None and task.about is not None:
        entities = [(Dimension.system, SYSTEM), *entities_about(task.about)]
        ledger.count(entities, task.created_at, "tasks_created")


def _credit_end(task: TaskDocument, ledger: Ledger) -> None:
    ending = task.finished
    if ending is None:
        return
    entities = entities_of_task(task)
    ledger.count(entities, ending.at, "tasks_finished")
    ledger.count(entities, ending.at, f"tasks_{ending.end}")
    if task.failure_class is not None:
        ledger.count(entities, ending.at, f"failures:{task.failure_class}")
    if task.attempt > 1:
        ledger.count(entities, ending.at, "tasks_retried")
    if task.created_at is not None:
        ledger.spread(entities, ending.at, "turnaround_ms", max(milliseconds(task.created_at, ending.at), 0.0))
        if task.assigned_at is not None:
            waited_ms = milliseconds(task.created_at, task.assigned_at)
            ledger.spread(entities, ending.at, "queue_wait_ms", max(waited_ms, 0.0))


TASK_FOLDS: dict[str, TaskFold] = {
    DecidedKind.task_queued: _queued,
    DecidedKind.task_assigned: _assigned,
    DecidedKind.task_requeued: _requeued,
    "outcome": _performed,
    **dict.fromkeys(ENDS, _ended),
}
TASK_CREDITS: tuple[TaskCredit, ...] = (_credit_creation, _credit_end)
