"""Assign, list, cancel and retry tasks."""

from contracts.tasks import CancelTask, NewTask
from mcp_gateway.decisions.summaries import summary
from mcp_gateway.domain.inputs import CancelTaskInput, ListTasks, RetryTask
from mcp_gateway.domain.outputs import TaskList, TaskSummary
from mcp_gateway.ports import Call


async def assign_task(given: NewTask, call: Call) -> TaskSummary:
    """Put a task into the queue; it runs as soon as a worker that fits is free."""
    return summary(await call.upstreams.orchestrator.create(given))


async def list_tasks(given: ListTasks, call: Call) -> TaskList:
    """One page of tasks, newest first."""
    page = await call.upstreams.orchestrator.tasks(given)
    return TaskList(tasks=[summary(task) for task in page.items], next_cursor=page.next_cursor)


async def cancel_task(given: CancelTaskInput, call: Call) -> TaskSummary:
    """Stop a task; a repeat changes nothing."""
    by = f"cancelled by {call.actor}"
    request = CancelTask(reason=f"{by}: {given.reason}" if given.reason else by)
    return summary(await call.upstreams.orchestrator.cancel(given.task_id, request))


async def retry_task(given: RetryTask, call: Call) -> TaskSummary:
    """Queue a task that ended without success again, with a fresh budget of attempts."""
    return summary(await call.upstreams.orchestrator.retry(given.task_id))
