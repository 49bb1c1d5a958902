"""The manager's resources: one entry each."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from contracts.access import Role
from contracts.workers import WorkerView
from mcp_gateway.domain import addresses
from mcp_gateway.domain.inputs import ListQuestions, ManageWorkers, MonitorTask, ViewStreams, WorkerAction
from mcp_gateway.domain.outputs import MonitorReport, QuestionList, Streams
from mcp_gateway.errors import NotFound
from mcp_gateway.handlers.monitoring import report_on, view_realtime_streams
from mcp_gateway.handlers.questions import list_questions
from mcp_gateway.handlers.workers import manage_workers
from mcp_gateway.mcp.resources import ResourceEntry
from mcp_gateway.ports import Call

_STREAM_ENTRIES = 100

In = TypeVar("In", bound=BaseModel)


async def _task(names: Mapping[str, str], call: Call) -> MonitorReport:
    given = _parse(MonitorTask, task_id=names["task_id"], include_streams=True, include_analytics=True)
    return await report_on(given, call, [])


async def _streams(names: Mapping[str, str], call: Call) -> Streams:
    return await view_realtime_streams(_parse(ViewStreams, task_id=names["task_id"], last_n=_STREAM_ENTRIES), call)


async def _worker(names: Mapping[str, str], call: Call) -> WorkerView:
    given = _parse(ManageWorkers, action=WorkerAction.list, worker_id=names["worker_id"])
    return (await manage_workers(given, call)).workers[0]


async def _questions(_: Mapping[str, str], call: Call) -> QuestionList:
    return await list_questions(ListQuestions(), call)


def _parse(model: type[In], **given: object) -> In:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise NotFound(f"not an id: {error.errors()[0]['input']!r}") from error


RESOURCES: tuple[ResourceEntry, ...] = (
    ResourceEntry(
        uri=addresses.TASK,
        name="task",
        title="Task",
        description="A task with its progress, milestones, streams, analytics, evidence and open questions.",
        read=_task,
        role=Role.viewer,
    ),
    ResourceEntry(
        uri=addresses.STREAMS,
        name="task_streams",
        title="Streams of a task",
        description="The last entries of a task's real-time stream.",
        read=_streams,
        role=Role.viewer,
    ),
    ResourceEntry(
        uri=addresses.WORKER,
        name="worker",
        title="Worker",
        description="A worker with its slots, load, capabilities and figures.",
        read=_worker,
        role=Role.viewer,
    ),
    ResourceEntry(
        uri=addresses.QUESTIONS,
        name="questions",
        title="Open questions",
        description="What workers ask of the manager.",
        read=_questions,
        role=Role.viewer,
    ),
)
