"""Tasks in text."""

from contracts.tasks import FailureClass
from mcp_gateway.domain.outputs import TaskList, TaskSummary
from mcp_gateway.mcp.text.layout import cell, lines_below, moment, more, number, table

_HEADER = ("TASK", "STATUS", "PRIORITY", "PROGRESS", "WORKER", "ATTEMPT", "CREATED", "DESCRIPTION")


def assigned(task: TaskSummary) -> str:
    """After `assign_task`."""
    return f"Task {task.task_id} is {task.status}, priority {task.priority}.{_why(task)}\n\nWatch it: {_watch(task)}"


def cancelled(task: TaskSummary) -> str:
    """After `cancel_task`."""
    return f"Task {task.task_id} is {task.status}.{_why(task)}"


def retried(task: TaskSummary) -> str:
    """After `retry_task`."""
    return f"Task {task.task_id} is {task.status} again.{_why(task)}\n\nWatch it: {_watch(task)}"


def listed(page: TaskList) -> str:
    """After `list_tasks`."""
    if not page.tasks:
        return "No tasks."
    return table(_HEADER, [_row(task) for task in page.tasks]) + more(page.next_cursor)


def _row(task: TaskSummary) -> tuple[str, ...]:
    progress = "-" if task.percent_complete is None else f"{number(task.percent_complete)}%"
    return (
        task.task_id,
        "quarantined" if task.failure_class is FailureClass.poison else task.status.value,
        task.priority.value,
        progress,
        cell(task.assigned_worker),
        f"{task.attempt}/{task.max_attempts}" if task.attempt <= task.max_attempts else str(task.attempt),
        moment(task.created_at),
        cell(task.description),
    )


def _why(task: TaskSummary) -> str:
    return f"\nReason: {lines_below(task.reason, '  ')}" if task.reason else ""


def _watch(task: TaskSummary) -> str:
    return f'monitor_task {{"task_id": "{task.task_id}", "include_streams": true, "include_analytics": true}}'
