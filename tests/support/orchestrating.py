"""The real orchestrator in the test's own event loop, with hand-driven workers."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any

import asyncpg
import httpx
from nats.errors import TimeoutError as NothingCame

from contracts.batches import DECIDED_BATCH
from contracts.decided import DecidedEvent
from contracts.tasks import TaskView
from contracts.workers import WorkerView
from devstack.ports import free_port
from orchestrator import app
from orchestrator.settings import Settings
from servicekit.bus import Bus
from servicekit.clock import Clock
from servicekit.migrations import run_migrations
from tests.support.buskit import a_bus
from tests.support.fleet import HandWorker
from tests.support.forking import Started, fork
from tests.support.running import running_service
from tests.support.stack import Database, TestNats
from tests.support.waiting import PATIENCE_S, eventually

# Backoffs and ticks of production would make every test of a second attempt slow. Samples come where a test asks.
FAST = {"schedule_tick_ms": 20, "watch_tick_ms": 50, "retry_base_ms": 20, "retry_cap_ms": 100, "fleet_sample_ms": 0}
UNTOLD = "SELECT 1 FROM fleet_orders UNION ALL SELECT 1 FROM outbox UNION ALL SELECT 1 FROM outbox_sealed"


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

    async def when(self, task_id: str, holds: Callable[[TaskView], bool], within: float = PATIENCE_S) -> TaskView:
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

    async def reaches(self, task_id: str, status: str, within: float = PATIENCE_S) -> TaskView:
        """The task, once it is in this state."""
        return await self.when(task_id, lambda view: view.status == status, within)

    async def events(self, task_id: str) -> list[str]:
        """The kinds of the domain events about a task that have reached the bus, in order."""
        return [event.kind.value for event in await self.told("event.task.*") if event.task_id == task_id]

    async def told(self, subject: str, at_least: int = 0) -> list[DecidedEvent]:
        """The domain events on a subject, in order, once no more of them come."""
        subscription = await self.bus.js.subscribe(subject, ordered_consumer=True)
        found: list[DecidedEvent] = []
        try:
            while True:
                message = await subscription.next_msg(timeout=0.5 if len(found) >= at_least else 5)
                found += DECIDED_BATCH.validate_json(message.data).events
        except NothingCame:
            return found
        finally:
            await subscription.unsubscribe()

    async def told_of_fleet(self) -> list[DecidedEvent]:
        """Which instances were ended, and then how the size was changed, once no more of that is to be told."""

        async def all_told() -> bool:
            return not await self.sql(UNTOLD)

        await eventually(all_told)
        return [*await self.told("event.worker.ended"), *await self.told("event.worker.scaled")]

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
async def orchestra(
    database: Database, nats: TestNats, clock: Clock | None = None, **more: Any
) -> AsyncGenerator[Orchestra]:
    """Migrate, serve, and wait until ready; settings may be given."""
    create_app = partial(app.create_app, clock=clock)
    async with (
        a_bus(nats) as bus,
        running_service(create_app, settings_for(database, nats, **more), app.MIGRATIONS, app.SCHEMA) as client,
    ):
        yield Orchestra(client, bus, database.dsn(app.SCHEMA))


def settings_for(database: Database, nats: TestNats, **more: Any) -> Settings:
    """Settings by which the orchestrator finds these servers, with fast ticks."""
    env = database.env(app.SCHEMA) | nats.env()
    return Settings.model_validate({name.lower(): value for name, value in env.items()} | FAST | more)


@contextmanager
def frozen(pid: int) -> Generator[None]:
    """A child process that stands still meanwhile, without knowing it; the test may kill it."""
    os.kill(pid, signal.SIGSTOP)
    # The signal is sent, but all threads stand still only when the kernel says so.
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def outlast(seconds: float) -> None:
    """Let time pass where it is the time itself that is tested, and there is nothing to wait for."""
    now = asyncio.get_running_loop().time
    until = now() + seconds
    await eventually(lambda: now() >= until, within=seconds + 5)


class Replica:
    """The orchestrator as a process of its own, which a test may kill or freeze."""

    def __init__(self, database: Database, nats: TestNats, **more: Any) -> None:
        self.port = free_port()
        given = FAST | {"http_port": self.port, "log_level": "warning"} | more
        servers = database.env(app.SCHEMA) | nats.env()
        self._env = dict(os.environ) | servers | {name.upper(): str(value) for name, value in given.items()}
        self._process: Started | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=10)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> httpx.AsyncClient:
        """Start, and wait until ready; a client of it."""
        process = self._process = await asyncio.to_thread(
            fork, "orchestrator", "serve", env=self._env, stderr=self._log.fileno()
        )

        async def ready() -> bool:
            if process.poll() is not None:
                self._log.seek(0)
                raise AssertionError(f"the orchestrator ended: {self._log.read().decode()[-2_000:]}")
            try:
                return (await self.client.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(ready, within=60)
        return self.client

    async def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def close(self) -> None:
        """Leave nothing open."""
        await self.client.aclose()
        self._log.close()


@asynccontextmanager
async def replicas(database: Database, nats: TestNats, many: int, **more: Any) -> AsyncGenerator[list[Replica]]:
    """Processes that are killed at the end, with the schema migrated; none is started."""
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings_for(database, nats))
    made = [Replica(database, nats, **more) for _ in range(many)]
    try:
        yield made
    finally:
        for replica in made:
            await replica.kill()
            await replica.close()
