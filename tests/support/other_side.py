"""What the rest of the platform is to a worker: it assigns, answers, and sees all that the worker says."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json import loads
from typing import Any

from nats.js.api import AckPolicy, DeliverPolicy

from contracts import streams, subjects
from contracts.base import Level
from contracts.batches import EVENT_BATCH, Batch
from contracts.commands import Command, CommandAction
from contracts.events import EventBase
from contracts.questions import Answer, QuestionState
from contracts.rpc import (
    AttemptStanding,
    ConfirmAttempt,
    FindCheckpoint,
    GetTime,
    Mailbox,
    OpenMailbox,
    ReadCheckpoint,
    ServerTime,
)
from contracts.tasks import Assignment, CollaborationTerms, Requirements
from orchestrator.bus import SavedCheckpoints, WorkerMailboxes
from orchestrator.handlers.checkpoints import Checkpoints
from servicekit.bus import Bus, declare_streams, ensure_worker_consumers
from servicekit.bus.objects import Objects
from servicekit.bus.rpc import Handler, serve, typed
from servicekit.clock import SystemClock
from servicekit.ids import new_id
from servicekit.traces import shared
from tests.support.buskit import settings_of
from tests.support.stack import TestNats
from tests.support.waiting import PATIENCE_S, eventually

WORKER = "worker-t"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LEASE_MS = 60_000
OBSERVER = "test-observer"
OBSERVED = (streams.TELEMETRY, streams.QUESTIONS)


class Silent(Exception):
    """The orchestrator does not answer."""

    code, detail = "unavailable", "away"


@dataclass
class OtherSide:
    """What the rest of the platform would see of a worker, and tell it."""

    bus: Bus
    batches: list[Batch[Any]] = field(default_factory=list[Batch[Any]])
    heartbeats: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    farewells: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    assigned: dict[str, dict[int, str]] = field(default_factory=dict[str, dict[int, str]])
    """The workers of each task's attempts."""
    assigned_since: dict[tuple[str, int], datetime] = field(default_factory=dict[tuple[str, int], datetime])
    silent: bool = False
    """Whether it cannot say who has an attempt."""
    sent: int = 0
    stopping: bool = False

    async def workers_before(self, task_id: str, attempt: int, worker_id: str) -> dict[int, str] | None:
        """As the orchestrator's store says it: the newest attempt is the live one."""
        workers = self.assigned.get(task_id, {})
        if attempt != max(workers, default=0) or workers[attempt] != worker_id:
            return None
        return {number: worker for number, worker in workers.items() if number < attempt}

    async def assigned_at(self, task_id: str, attempt: int) -> datetime | None:
        """When it handed out an attempt."""
        return self.assigned_since.get((task_id, attempt))

    @property
    def events(self) -> list[Any]:
        """All events that arrived, each once, in the order of their arrival."""
        by_id: dict[str, EventBase] = {}
        for batch in self.batches:
            for event in batch.events:
                by_id.setdefault(event.event_id, event)
        return list(by_id.values())

    async def beat(self, fits: Callable[[dict[str, Any]], object], within: float = PATIENCE_S) -> dict[str, Any]:
        """The next heartbeat that fits."""
        seen = len(self.heartbeats)
        return await eventually(lambda: next((beat for beat in self.heartbeats[seen:] if fits(beat)), None), within)

    def of(self, kind: str, task_id: str | None = None) -> list[Any]:
        """The events of a kind."""
        return [event for event in self.events if event.kind == kind and task_id in (None, event.task_id)]

    async def first(self, kind: str, task_id: str | None = None, within: float = PATIENCE_S) -> Any:
        """The first event of a kind, as soon as it is there."""
        return (await eventually(lambda: self.of(kind, task_id), within))[0]

    async def event(self, event_id: str, within: float = PATIENCE_S) -> Any:
        """One event, as soon as it is there."""
        found = await eventually(lambda: [event for event in self.events if event.event_id == event_id], within)
        return found[0]

    async def outcome(self, task_id: str, within: float = PATIENCE_S) -> Any:
        """The outcome of a task."""
        return (await self.first("outcome", task_id, within)).body

    async def assign(
        self,
        task_id: str,
        attempt: int = 1,
        worker_id: str = WORKER,
        collaboration: CollaborationTerms | None = None,
        traceparent: str | None = None,
        **requirements: Any,
    ) -> Assignment:
        """Hand an attempt to a worker."""
        assignment = Assignment(
            task_id=task_id,
            attempt=attempt,
            worker_id=worker_id,
            description="do it",
            priority=Level.medium,
            requirements=Requirements.model_validate(requirements),
            created_at=NOW,
            assigned_at=NOW,
            lease_ms=LEASE_MS,
            collaboration=collaboration,
        )
        await self.assign_again(assignment, f"{task_id}.{attempt}", traceparent)
        return assignment

    async def assign_again(self, assignment: Assignment, message_id: str, traceparent: str | None = None) -> None:
        """Publish an assignment under a message id of its own."""
        self.assigned.setdefault(assignment.task_id, {})[assignment.attempt] = assignment.worker_id
        key = (assignment.task_id, assignment.attempt)
        self.assigned_since.setdefault(key, datetime.now(UTC))  # noqa: TID251
        subject = subjects.task(assignment.worker_id)
        await self.bus.js.publish(
            subject, assignment.to_json(), headers={"Nats-Msg-Id": message_id, **shared([traceparent])}
        )

    async def command(self, action: CommandAction, **fields: Any) -> Command:
        """Give the worker a command."""
        values = {"command_id": new_id("cmd"), "action": action, "worker_id": WORKER, "issued_at": NOW}
        command = Command.model_validate(values | fields)
        await self._send(subjects.command(WORKER), command)
        return command

    async def answer(self, question: Any, text: str | None, **more: Any) -> None:
        """Answer a question; `more` are other fields of the answer."""
        values = {
            "question_id": question.question_id,
            "worker_id": WORKER,
            "task_id": question.task_id,
            "attempt": question.attempt,
            "state": QuestionState.answered,
            "answer": text,
            "answered_by": "manager",
            "answered_at": NOW,
        }
        await self._send(subjects.answer(WORKER), Answer.model_validate(values | more))

    async def _send(self, subject: str, item: Command | Answer) -> None:
        self.sent += 1
        batch = Batch[Any](producer=f"test-{id(self)}", batch=self.sent, events=[item])
        await self.bus.js.publish(subject, batch.to_json())

    async def collect(self, stream: str) -> None:
        """Gather what a stream gets, until told to stop."""
        subscription = await self.bus.js.pull_subscribe_bind(OBSERVER, stream)
        while not self.stopping:
            try:
                messages = await subscription.fetch(100, timeout=0.2)
            except (TimeoutError, OSError):
                continue
            for message in messages:
                self.batches.append(EVENT_BATCH.validate_json(message.data))
                await message.ack()

    async def listen(self) -> None:
        """Hear heartbeats and farewells."""

        async def on_heartbeat(message: Any) -> None:
            self.heartbeats.append(loads(message.data))

        async def on_farewell(message: Any) -> None:
            self.farewells.append(loads(message.data))

        await self.bus.subscribe_core(subjects.HEARTBEATS, on_heartbeat)
        await self.bus.subscribe_core(subjects.END_SESSIONS, on_farewell)


async def declare(nats: TestNats) -> None:
    """Declare the streams, as the platform does before anyone publishes, and an observer of what workers say."""
    bus = await Bus.connect(settings_of(nats), "test")
    try:
        await declare_streams(bus.js)
        # So that the worker is ready where nobody stands for the orchestrator yet.
        await ensure_worker_consumers(bus.js, WORKER)
        for stream in OBSERVED:
            await bus.js.add_consumer(
                stream, durable_name=OBSERVER, ack_policy=AckPolicy.EXPLICIT, deliver_policy=DeliverPolicy.ALL
            )
    finally:
        await bus.close()


@asynccontextmanager
async def other_side(nats: TestNats) -> AsyncGenerator[OtherSide]:
    """Observe all that workers say, on declared streams."""
    bus = await Bus.connect(settings_of(nats), "test")
    side = OtherSide(bus)
    await side.listen()
    await serve(bus, "orchestrator", _verbs(side))
    tasks = [asyncio.create_task(side.collect(stream)) for stream in OBSERVED]
    try:
        yield side
    finally:
        side.stopping = True
        await asyncio.gather(*tasks, return_exceptions=True)
        await bus.close()


def _verbs(side: OtherSide) -> dict[str, Handler]:
    """What a worker cannot do without an orchestrator."""
    mailboxes, checkpoints = WorkerMailboxes(side.bus), Checkpoints(side, SavedCheckpoints(Objects(side.bus)))

    async def open_mailbox(worker_id: str, _asked: OpenMailbox) -> Mailbox:
        return await mailboxes.open(worker_id)

    async def get_time(_worker_id: str, _asked: GetTime) -> ServerTime:
        return ServerTime(now=SystemClock().now())

    async def confirm(worker_id: str, asked: ConfirmAttempt) -> AttemptStanding:
        if side.silent:
            raise Silent
        # What this side did not assign another did: one worker may serve many tests, each with a side of its own.
        if (asked.task_id or "") not in side.assigned:
            return AttemptStanding(held=True)
        before = await side.workers_before(asked.task_id or "", asked.attempt, worker_id)
        return AttemptStanding(held=before is not None)

    return {
        "open_mailbox": typed(OpenMailbox, open_mailbox),
        "get_time": typed(GetTime, get_time),
        "confirm_attempt": typed(ConfirmAttempt, confirm),
        "find_checkpoint": typed(FindCheckpoint, checkpoints.find),
        "read_checkpoint": typed(ReadCheckpoint, checkpoints.read),
    }
