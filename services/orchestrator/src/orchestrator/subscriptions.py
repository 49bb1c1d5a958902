"""What arrives on the bus: reports and questions in batches, heartbeats and requests of workers one by one."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from nats.aio.msg import Msg
from pydantic import ValidationError

from contracts import streams, subjects
from contracts.base import Model, Name, OptionalText
from contracts.batches import DECIDED_BATCH, EVENT_BATCH, Batch
from contracts.events import Event
from contracts.workers import Heartbeat
from orchestrator.handlers import questions, reports
from orchestrator.handlers.briefing import Briefings
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.sessions import Sessions
from servicekit.bus import BatchConsumer, Bus, DeadLetterSink, FairShare, foreign_event
from servicekit.clock import Clock

CORE = "core"
"""Stands for the stream in dead letters of what is not stored."""
MOST_EVENTS = 1_000

Loop = Callable[[], Awaitable[None]]


class Leaving(Model):
    """Body of `manager.end_session.<worker>`; it may be left out."""

    incarnation: Name | None = None
    reason: OptionalText | None = None


class Moved(Model):
    """Answer to it: how many tasks were queued again."""

    moved: int


class Refuse(Protocol):
    """Puts aside a message that says nothing that can be handled."""

    async def __call__(self, message: Msg, reason: str) -> None:
        """Put it aside with its reason."""
        ...


def consume_reports(bus: Bus, handler: reports.Reports, dead_letters: DeadLetterSink) -> Loop:
    """A loop that takes in what workers report."""

    def validate(subject: str, batch: Batch[Event]) -> str | None:
        return foreign_event(subject, batch) or reports.misfit(batch)

    return BatchConsumer(
        bus,
        streams.TELEMETRY,
        reports.CONSUMER,
        EVENT_BATCH,
        handler.apply,
        dead_letters,
        validate=validate,
        max_events=MOST_EVENTS,
        fair=FairShare(),
    ).run


def consume_questions(bus: Bus, handler: questions.Questions, dead_letters: DeadLetterSink) -> Loop:
    """A loop that takes in what becomes of questions."""
    durable = questions.CONSUMER
    return BatchConsumer(bus, streams.EVENTS, durable, DECIDED_BATCH, handler.apply, dead_letters).run


def refuser(dead_letters: DeadLetterSink, clock: Clock) -> Refuse:
    """Put core messages among the dead letters."""

    async def refuse(message: Msg, reason: str) -> None:
        headers = message.headers or {}
        await dead_letters.record(CORE, message.subject, message.data, reason, headers, clock.now())

    return refuse


async def hear_heartbeats(bus: Bus, leader: Leader, refuse: Refuse) -> None:
    """Hear every worker, in every replica: whoever leads renews leases."""

    async def hear(message: Msg) -> None:
        try:
            heartbeat = Heartbeat.model_validate_json(message.data)
        except ValidationError as error:
            return await refuse(message, _reason(error))
        if message.subject != subjects.heartbeat(heartbeat.worker_id):
            return await refuse(message, f"worker {heartbeat.worker_id!r} does not belong on {message.subject!r}")
        return leader.hear(heartbeat)

    await bus.subscribe_core(subjects.HEARTBEATS, hear)


async def hear_workers(bus: Bus, sessions: Sessions, briefings: Briefings, refuse: Refuse) -> None:
    """Hear workers that leave, or have a free slot; one replica hears each."""

    async def end(message: Msg) -> None:
        try:
            leaving = Leaving.model_validate_json(message.data) if message.data else Leaving()
        except ValidationError as error:
            return await refuse(message, _reason(error))
        moved = await sessions.end(_worker(message), leaving.incarnation)
        return await _reply(message, Moved(moved=len(moved)))

    async def hint(message: Msg) -> None:
        await _reply(message, await briefings.next_task(_worker(message)))

    await bus.subscribe_core(subjects.END_SESSIONS, end, queue=reports.CONSUMER)
    await bus.subscribe_core(subjects.NEXT_TASKS, hint, queue=reports.CONSUMER)


async def _reply(message: Msg, answer: Model) -> None:
    if message.reply:
        await message.respond(answer.to_json())


def _worker(message: Msg) -> str:
    return subjects.parse(message.subject).worker_id or ""


def _reason(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'message'}: {first['msg']}"
