"""The HTTP API: parse, hand over, render."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import Response as RawResponse

from contracts.base import Level, Model, Page, TaskId, UtcTime, WorkerId
from contracts.commands import Command, CommandAction, NewCommand
from contracts.tasks import CancelTask, NewTask, QueueView, TaskBatch, TaskState, TaskView
from contracts.workers import FleetView, WorkerStatus, WorkerView
from orchestrator.errors import OrchestratorError, TaskNotFound, WorkerNotFound
from orchestrator.handlers.creating import Created, Creator
from orchestrator.handlers.managing import Manager
from orchestrator.handlers.showing import FleetShow
from orchestrator.ports import TaskFilter, Views
from servicekit.errors import problem_of
from servicekit.http import strict
from servicekit.paging import DEFAULT_LIMIT, PageCursor, PageLimit

JSON = "application/json"

router = APIRouter(prefix="/v1")


class Services:
    """What the endpoints call."""

    def __init__(self, creator: Creator, manager: Manager, views: Views, fleet: FleetShow) -> None:
        self.creator = creator
        self.fleet = fleet
        self.manager = manager
        self.views = views


async def _services(request: Request) -> Services:
    return request.app.state.services


Called = Annotated[Services, Depends(_services)]


@router.post("/tasks", status_code=201, responses={200: {"model": TaskView}, 201: {"model": TaskView}})
async def create_task(task: Annotated[NewTask, strict(NewTask)], services: Called) -> Response:
    """Queue a task: 201, or 200 with the first one if the idempotency key repeats."""
    created = await services.creator.create(task)
    return RawResponse(created.json, 201 if created.is_new else 200, media_type=JSON)


@router.post("/tasks/batch")
async def create_tasks(batch: Annotated[TaskBatch, strict(TaskBatch)], services: Called) -> Response:
    """Queue many tasks; each answer is a task or a problem, in order."""
    answers = await services.creator.create_many(batch.tasks)
    items = b",".join(_item(answer) for answer in answers)
    return RawResponse(b'{"items":[' + items + b"]}", media_type=JSON)


@router.get("/tasks", responses={200: {"model": Page[TaskView]}})
async def list_tasks(
    services: Called,
    status: Annotated[list[TaskState] | None, Query()] = None,
    worker_id: WorkerId | None = None,
    priority: Level | None = None,
    since: UtcTime | None = None,
    quarantined: bool = False,
    cursor: PageCursor = None,
    limit: PageLimit = DEFAULT_LIMIT,
) -> Response:
    """Tasks, newest first; with `quarantined` only those in quarantine."""
    chosen = TaskFilter(tuple(status or ()), worker_id, priority.value if priority else None, since, quarantined)
    return _json(await services.views.task_page(chosen, cursor, limit))


@router.get("/tasks/{task_id}", responses={200: {"model": TaskView}})
async def get_task(task_id: TaskId, services: Called) -> Response:
    """One task with its attempts."""
    view = await services.views.task_view(task_id)
    if view is None:
        raise TaskNotFound(task_id)
    return _json(view)


@router.post("/tasks/{task_id}/cancel", responses={200: {"model": TaskView}})
async def cancel_task(task_id: TaskId, why: Annotated[CancelTask, strict(CancelTask)], services: Called) -> Response:
    """End a task; harmless when it is cancelled already."""
    return _json(await services.manager.cancel(task_id, why))


@router.post("/tasks/{task_id}/retry", responses={200: {"model": TaskView}})
async def retry_task(task_id: TaskId, services: Called) -> Response:
    """Queue an ended task again, with a fresh budget of attempts."""
    return _json(await services.manager.retry(task_id))


@router.post("/tasks/{task_id}/pause", status_code=202, responses={202: {"model": Command}})
async def pause_task(task_id: TaskId, services: Called) -> Response:
    """Tell the worker that has the task to hold it; it is `paused` once the worker says so."""
    return _json(await services.manager.steer(task_id, CommandAction.pause), 202)


@router.post("/tasks/{task_id}/resume", status_code=202, responses={202: {"model": Command}})
async def resume_task(task_id: TaskId, services: Called) -> Response:
    """Tell the worker that has the task to go on with it."""
    return _json(await services.manager.steer(task_id, CommandAction.resume), 202)


@router.get("/workers", responses={200: {"model": Page[WorkerView]}})
async def list_workers(
    services: Called,
    status: Annotated[list[WorkerStatus] | None, Query()] = None,
    cursor: PageCursor = None,
    limit: PageLimit = DEFAULT_LIMIT,
) -> Response:
    """Workers by id."""
    return _json(await services.views.worker_page(status or [], cursor, limit))


@router.get("/workers/{worker_id}", responses={200: {"model": WorkerView}})
async def get_worker(worker_id: WorkerId, services: Called) -> Response:
    """One worker."""
    view = await services.views.worker_view(worker_id)
    if view is None:
        raise WorkerNotFound(worker_id)
    return _json(view)


@router.post("/workers/{worker_id}/commands", status_code=202, responses={202: {"model": Command}})
async def command_worker(
    worker_id: WorkerId, new: Annotated[NewCommand, strict(NewCommand)], services: Called
) -> Response:
    """Tell a worker something."""
    return _json(await services.manager.command(worker_id, new), 202)


@router.get("/fleet", responses={200: {"model": FleetView}})
async def get_fleet(services: Called) -> Response:
    """The workers that the platform runs itself, as whoever runs them sees them."""
    return _json(await services.fleet.view())


@router.get("/queue", responses={200: {"model": QueueView}})
async def get_queue(services: Called) -> Response:
    """The queue at this moment."""
    return _json(await services.views.queue_view())


def _json(model: Model, status: int = 200) -> Response:
    return RawResponse(model.to_json(), status, media_type=JSON)


def _item(answer: Created | OrchestratorError) -> bytes:
    return answer.json if isinstance(answer, Created) else problem_of(answer).to_json()
