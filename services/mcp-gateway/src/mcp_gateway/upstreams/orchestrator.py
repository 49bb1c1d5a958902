"""Tasks and workers."""

from contracts.base import Page
from contracts.commands import Command, NewCommand
from contracts.tasks import CancelTask, NewTask, TaskView
from contracts.workers import FleetView, WorkerStatus, WorkerView
from mcp_gateway.domain.inputs import (
    ListTasks,
)
from mcp_gateway.upstreams.wording import no_task, no_worker, params, told
from servicekit.client import ServiceClient


class HttpOrchestrator:
    """Tasks and workers."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def create(self, task: NewTask) -> TaskView:
        """Queue a task."""
        with told():
            return await self._client.post("/v1/tasks", TaskView, task)

    async def tasks(self, query: ListTasks) -> Page[TaskView]:
        """One page of tasks."""
        with told():
            return await self._client.get("/v1/tasks", Page[TaskView], params(query))

    async def task(self, task_id: str) -> TaskView:
        """One task with its attempts."""
        with told(no_task(task_id)):
            return await self._client.get(f"/v1/tasks/{task_id}", TaskView)

    async def cancel(self, task_id: str, request: CancelTask) -> TaskView:
        """Stop a task."""
        with told(no_task(task_id)):
            return await self._client.post(f"/v1/tasks/{task_id}/cancel", TaskView, request)

    async def retry(self, task_id: str) -> TaskView:
        """Queue a task once more."""
        with told(no_task(task_id)):
            return await self._client.post(f"/v1/tasks/{task_id}/retry", TaskView)

    async def workers(self, status: WorkerStatus | None, cursor: str | None, limit: int) -> Page[WorkerView]:
        """One page of workers."""
        params = {"status": status, "cursor": cursor, "limit": limit}
        with told():
            return await self._client.get("/v1/workers", Page[WorkerView], params)

    async def worker(self, worker_id: str) -> WorkerView:
        """One worker."""
        with told(no_worker(worker_id)):
            return await self._client.get(f"/v1/workers/{worker_id}", WorkerView)

    async def fleet(self) -> FleetView:
        """The workers that the platform runs itself."""
        with told():
            return await self._client.get("/v1/fleet", FleetView)

    async def command(self, worker_id: str, command: NewCommand) -> Command:
        """Send a worker a command."""
        with told(no_worker(worker_id)):
            return await self._client.post(f"/v1/workers/{worker_id}/commands", Command, command)
