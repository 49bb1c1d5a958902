"""A task in short, and a task with all that is known of it."""

from typing import TypeVar, cast

from pydantic import ValidationError

from contracts.base import Model
from contracts.events.recovery import Completion, Observed, Verified
from contracts.questions import QuestionView
from contracts.tasks import TaskState, TaskView
from contracts.telemetry import Tail, TaskFacts
from mcp_gateway.decisions.wording import shorten
from mcp_gateway.domain.outputs import Evidence, MonitorReport, TaskSummary

_DESCRIPTION = 200

Part = TypeVar("Part", bound=Model)


def summary(task: TaskView) -> TaskSummary:
    """The task without what is long."""
    progress = task.progress
    return TaskSummary(
        task_id=task.task_id,
        status=task.status,
        priority=task.priority,
        description=shorten(task.description, _DESCRIPTION),
        assigned_worker=task.assigned_worker,
        attempt=task.attempt,
        max_attempts=task.max_attempts,
        percent_complete=_known_percent(task),
        phase=progress.phase if progress else None,
        reason=task.reason,
        created_at=task.created_at,
        started_at=task.started_at,
        completed_at=task.completed_at,
        execution_time_ms=task.execution_time_ms,
        failure_class=task.failure_class,
    )


def monitor_report(
    task: TaskView,
    *,
    facts: TaskFacts | None = None,
    tail: Tail | None = None,
    questions: list[QuestionView] | None = None,
    include_analytics: bool = False,
    notes: list[str] | None = None,
) -> MonitorReport:
    """What `monitor_task` answers; what is None could not be had, or was not asked for."""
    progress = task.progress
    return MonitorReport(
        task_id=task.task_id,
        status=shown_status(task),
        state=task.status,
        percent_complete=percent(task, facts),
        phase=(progress.phase if progress else None) or (facts.phase if facts else None),
        current_operation=progress.current_operation if progress else None,
        priority=task.priority,
        description=shorten(task.description, _DESCRIPTION),
        assigned_worker=task.assigned_worker,
        attempt=task.attempt,
        max_attempts=task.max_attempts,
        reason=task.reason,
        created_at=task.created_at,
        started_at=task.started_at,
        completed_at=task.completed_at,
        execution_time_ms=task.execution_time_ms,
        failure_class=task.failure_class,
        crashes=task.crashes,
        attempts=task.attempts,
        milestones=facts.milestones if facts else [],
        streams=tail.entries if tail else None,
        analytics=facts.analytics if facts and include_analytics else None,
        evidence=evidence(task, facts),
        questions=questions or [],
        notes=notes or [],
    )


def shown_status(task: TaskView) -> str:
    """What the agent says it is doing while the task runs; otherwise the task's state."""
    if task.status is TaskState.running and task.progress:
        return task.progress.status
    return task.status.value


def percent(task: TaskView, facts: TaskFacts | None = None) -> float:
    """How much is done, 0 to 100."""
    known = _known_percent(task)
    if known is not None:
        return known
    if facts and facts.percent_complete is not None and facts.attempt == task.attempt:
        return facts.percent_complete
    return 0.0


def _known_percent(task: TaskView) -> float | None:
    """What the task itself says of it: all is done of one that is completed, whatever its agent said last."""
    if task.status is TaskState.completed:
        return 100.0
    return task.progress.percent_complete if task.progress else None


def evidence(task: TaskView, facts: TaskFacts | None) -> Evidence:
    """Claim, observation and verification of the last closed attempt; a part of an unknown form is left out."""
    outcome = task.analytics or (facts.outcome if facts else None) or {}
    return Evidence(
        claimed=_read(Completion, outcome.get("claimed")),
        observed=_read(Observed, outcome.get("observed")),
        verified=_read(Verified, outcome.get("verified")),
        discrepancies=_sentences(outcome.get("discrepancies")),
        analytics=facts.evidence if facts else {},
    )


def _sentences(value: object) -> list[str]:
    return [str(one) for one in cast("list[object]", value)] if isinstance(value, list) else []


def _read(model: type[Part], value: object) -> Part | None:
    try:
        return model.model_validate(value)
    except ValidationError:
        return None
