"""Values that a person can choose from, newest first."""

from contracts.tasks import TaskView
from mcp_gateway.decisions.completing import Known, capabilities_of_agents, holds_password
from mcp_gateway.domain.inputs import MAX_PAGE, ListQuestions, ListTasks
from mcp_gateway.ports import Call

# Tasks carry long descriptions: the newest are what somebody looks for.
_TASKS = 200


async def task_ids(call: Call) -> Known:
    """Ids of the newest tasks."""
    tasks, whole = await _tasks(call)
    return Known([task.task_id for task in tasks], whole)


async def repositories(call: Call) -> Known:
    """Repositories that the newest tasks work on, without those whose address holds a password."""
    tasks, _ = await _tasks(call)
    return Known([name for task in tasks if (name := task.requirements.repository) and not holds_password(name)])


async def worker_ids(call: Call) -> Known:
    """Ids of the workers."""
    page = await call.upstreams.orchestrator.workers(None, None, MAX_PAGE)
    return Known([worker.worker_id for worker in page.items], page.next_cursor is None)


async def agents(call: Call) -> Known:
    """Agents that run on some worker."""
    page = await call.upstreams.orchestrator.workers(None, None, MAX_PAGE)
    return Known(capabilities_of_agents(one for worker in page.items for one in worker.capabilities))


async def question_ids(call: Call) -> Known:
    """Ids of the open questions."""
    page = await call.upstreams.questions.questions(ListQuestions(limit=MAX_PAGE))
    return Known([question.question_id for question in page.items], page.next_cursor is None)


async def _tasks(call: Call) -> tuple[list[TaskView], bool]:
    page = await call.upstreams.orchestrator.tasks(ListTasks(limit=_TASKS))
    return page.items, page.next_cursor is None
