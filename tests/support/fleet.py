"""Workers as the orchestrator knows them, driven by hand: they register, beat, take assignments, say outcomes."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from nats.errors import TimeoutError as NothingCame

from contracts import streams, subjects
from contracts.batches import COMMAND_BATCH
from contracts.commands import Command
from contracts.events import EventBase
from contracts.tasks import Assignment
from contracts.workers import Heartbeat
from servicekit.bus import Bus, ensure_worker_consumers
from servicekit.ids import new_id
from tests.support.examples import NOW
from tests.support.producer import Producer
from tests.support.waiting import PATIENCE_S, eventually


class HandWorker:
    """One worker. It does nothing by itself, so that a test decides what happens and when."""

    def __init__(self, bus: Bus, worker_id: str = "w1", slots: int = 3, **registration: Any) -> None:
        self.worker_id = worker_id
        self.slots = slots
        self.incarnation = new_id("inc")
        self.held: list[Assignment] = []
        self.producer = Producer(bus, new_id(f"spool-{worker_id}"))
        self._bus = bus
        self._registration = registration
        self._tasks: Any = None
        self._commands: Any = None

    async def start(self) -> "HandWorker":
        """Make the durables, introduce itself, and say that it lives."""
        await self._bus.wait_ready()
        await eventually(self._consumers_made)
        self._tasks = await self._bus.js.pull_subscribe_bind(self.worker_id, streams.TASKS)
        self._commands = await self._bus.js.pull_subscribe_bind(self.worker_id, streams.COMMANDS)
        await self.register()
        return self

    async def register(self) -> None:
        """Introduce itself."""
        body = {
            "worker_id": self.worker_id,
            "hostname": "test",
            "incarnation": self.incarnation,
            "max_concurrent_tasks": self.slots,
        }
        await self.producer.send(self.event("registered", body | self._registration))

    async def beat(self, *running: Assignment, **more: Any) -> None:
        """One heartbeat; `more` is said as it is, whether it is valid or not."""
        body: dict[str, Any] = {
            "worker_id": self.worker_id,
            "incarnation": self.incarnation,
            "sent_at": NOW,
            "slots_total": self.slots,
            "slots_free": self.slots - len(running),
            "running": [{"task_id": one.task_id, "attempt": one.attempt} for one in running],
        }
        said = Heartbeat.model_validate(body).to_dict() | more
        await self._bus.publish_core(subjects.heartbeat(self.worker_id), orjson.dumps(said))

    @asynccontextmanager
    async def alive(self, every_s: float = 0.05) -> AsyncGenerator[list[Assignment]]:
        """Heartbeats meanwhile; they name the attempts in the list that it gives, which the test fills."""
        named: list[Assignment] = []

        async def beat_on() -> None:
            while True:
                await self.beat(*named)
                await asyncio.sleep(every_s)

        beating = asyncio.create_task(beat_on())
        try:
            yield named
        finally:
            beating.cancel()

    async def take(self, within: float = PATIENCE_S) -> Assignment:
        """The next assignment, acknowledged."""
        message = (await self._tasks.fetch(1, timeout=within))[0]
        await message.ack_sync()
        assignment = Assignment.model_validate_json(message.data)
        self.held.append(assignment)
        return assignment

    async def has_nothing(self) -> bool:
        """Whether no assignment is there for it now."""
        try:
            await self._tasks.fetch(1, timeout=0.3)
        except NothingCame:
            return True
        return False

    async def commanded(self, where: Callable[[Command], bool] = lambda _: True, within: float = PATIENCE_S) -> Command:
        """The next command for which `where` holds."""
        while True:
            message = (await self._commands.fetch(1, timeout=within))[0]
            await message.ack()
            for command in COMMAND_BATCH.validate_json(message.data).events:
                if where(command):
                    return command

    async def progress(self, assignment: Assignment, status: str = "executing", **more: Any) -> None:
        """Report progress."""
        body = {"status": status, **more.pop("body", {})}
        await self.producer.send(self.event("progress", body, assignment, **more))

    async def end(self, assignment: Assignment, status: str = "completed", **more: Any) -> None:
        """Say how an attempt ended."""
        await self.producer.send(self.outcome(assignment, status, **more))

    def outcome(self, assignment: Assignment, status: str = "completed", **more: Any) -> EventBase:
        """The event that says how an attempt ended."""
        body = {"status": status, "started_at": NOW, "ended_at": NOW, **more}
        return self.event("outcome", body, assignment)

    def event(
        self, kind: str, body: dict[str, Any], assignment: Assignment | None = None, **envelope: Any
    ) -> EventBase:
        """An event of this worker, of an attempt if one is given."""
        about = {"task_id": assignment.task_id, "attempt": assignment.attempt} if assignment else {}
        if assignment is None:
            about = {"task_id": None, "attempt": None}
        return self.producer.make(kind, body, **({"worker_id": self.worker_id} | about | envelope))

    async def _consumers_made(self) -> bool:
        await ensure_worker_consumers(self._bus.js, self.worker_id)
        return True
