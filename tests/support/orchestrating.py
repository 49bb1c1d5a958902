"""The real orchestrator in the test's own event loop, with hand-driven workers."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx

from contracts.tasks import TaskView
from contracts.workers import WorkerView
from orchestrator import app
from orchestrator.settings import Settings
from servicekit.bus import Bus
from tests.support.fleet import HandWorker
from tests.support.running import running_service
from tests.support.waiting import eventually

# Backoffs and ticks of production would make every test of a second attempt slow.
FAST = {"schedule_tick_ms": 20, "watch_tick_ms": 50, "retry_base_ms": 20, "retry_cap_ms": 100}


class Orchestra:
    """A running orchestrator and what a test needs beside it."""

    def __init__(self, client: httpx.AsyncClient, bus: Bus, dsn: str) -> None:
        self.client = client
        self.bus = bus
        self._dsn = dsn

    async def worker(self, worker_id: str = "w1", slots: int = 3, **registration: Any) -> HandWorker:
        """A worker that has registered and is known."""
        worker = await HandWorker(self.bus, worker_id, slots, **registration).start()
        await eventually(lambda: self._knows(worker))
        return worker

    async def create(self, description: str = "do it", **fields: Any) -> TaskView:
        """Create a task."""
        answer = await self.client.post("/v1/tasks", json={"description": description, **fields})
        assert answer.status_code in (200, 201), answer.text
        return TaskView.model_validate_json(answer.content)

    async def task(self, task_id: str) -> TaskView:
        """A task as it is now."""
        answer = await self.client.get(f"/v1/tasks/{task_id}")
        assert answer.status_code == 200, answer.text
        return TaskView.model_validate_json(answer.content)

    async def worker_view(self, worker_id: str = "w1") -> WorkerView:
        """A worker as it is now."""
        answer = await self.client.get(f"/v1/workers/{worker_id}")
        assert answer.status_code == 200, answer.text
        return WorkerView.model_validate_json(answer.content)

    async def when(self, task_id: str, holds: Callable[[TaskView], bool], within: float = 5.0) -> TaskView:
        """The task, once `holds` does."""

        async def found() -> TaskView | None:
            view = await self.task(task_id)
            return view if holds(view) else None

        try:
            view = await eventually(found, within)
        except AssertionError as error:
            raise AssertionError(f"{error}; the task: {await self.task(task_id)!r}") from error
        assert view is not None
        return view

    async def reaches(self, task_id: str, status: str, within: float = 5.0) -> TaskView:
        """The task, once it is in this state."""
        return await self.when(task_id, lambda view: view.status == status, within)

    async def sql(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        """Ask the database."""
        conn = await asyncpg.connect(self._dsn)
        try:
            return await conn.fetch(statement, *values)
        finally:
            await conn.close()

    async def _knows(self, worker: HandWorker) -> bool:
        answer = await self.client.get(f"/v1/workers/{worker.worker_id}")
        if answer.status_code != 200:
            return False
        rows = await self.sql("SELECT incarnation FROM workers WHERE worker_id = $1", worker.worker_id)
        return rows[0]["incarnation"] == worker.incarnation


@asynccontextmanager
async def orchestra(settings: Settings, bus: Bus, dsn: str) -> AsyncGenerator[Orchestra]:
    """Migrate, serve, and wait until ready."""
    async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client:
        yield Orchestra(client, bus, dsn)


def settings_for(env: dict[str, str], **more: Any) -> Settings:
    """Settings by which the orchestrator finds these servers, with fast ticks."""
    return Settings.model_validate({name.lower(): value for name, value in env.items()} | FAST | more)
