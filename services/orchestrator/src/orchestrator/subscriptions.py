"""What arrives on the bus: reports and questions in batches, heartbeats and requests of workers one by one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from nats.aio.msg import Msg
from pydantic import ValidationError

from contracts import streams, subjects
from contracts.base import Model, Name, OptionalText
from contracts.batches import DECIDED_BATCH, EVENT_BATCH, Batch
from contracts.events import Event
from contracts.workers import Heartbeat
from orchestrator.handlers import questions, reports
from orchestrator.handlers.briefing import Briefings
from orchestrator.handlers.counting import CORE_REFUSED
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.sessions import Sessions
from servicekit.bus import BatchConsumer, Bus, DeadLetterSink, FairShare, RateLimit, foreign_event
from servicekit.bus.rpc import ERROR, ERROR_CODE, RATE_LIMITED
from servicekit.clock import Clock

CORE = "core"
"""Stands for the stream in dead letters of what is not stored."""
MOST_EVENTS = 1_000
BEATS_PER_S, BEATS_AT_ONCE = 50.0, 250.0
"""Of one worker, which sends one every 5 s."""
ASKS_PER_S, ASKS_AT_ONCE = 5.0, 50.0
"""Of one worker: what it asks is answered from the database, one after the other."""
BYTES_OF_ONE = 16_384
"""What is longer counts as several."""
LETTERS_PER_S, LETTERS_AT_ONCE = 1 / 20, 5.0
"""Dead letters of one worker."""
ALL_LETTERS_PER_S, ALL_LETTERS_AT_ONCE = 1.0, 50.0
LETTERS_WAITING = 32
INVALID = "invalid"

Loop = Callable[[], Awaitable[None]]


class Leaving(Model):
    """Body of `manager.end_session.<worker>`; it may be left out."""

    incarnation: Name | None = None
    reason: OptionalText | None = None


class Moved(Model):
    """Answer to it: how many tasks were queued again."""

    moved: int


class Refusals:
    """Core messages that say nothing that can be handled: all are counted, and a few of each worker put aside.

    They are written beside the hearing, so that a slow database holds up no heartbeat.
    """

    def __init__(self, dead_letters: DeadLetterSink, clock: Clock) -> None:
        self._dead_letters = dead_letters
        self._clock = clock
        self._of_one = RateLimit(LETTERS_PER_S, LETTERS_AT_ONCE)
        self._of_all = RateLimit(ALL_LETTERS_PER_S, ALL_LETTERS_AT_ONCE)
        self._waiting = asyncio.Queue[tuple[Msg, str, datetime]](LETTERS_WAITING)

    def note(self, message: Msg, reason: str) -> None:
        """Count it, and have it put aside if not many were."""
        _count_refused(message, INVALID)
        now_s = self._clock.monotonic()
        if self._waiting.full() or not self._of_one.allows(_worker(message), now_s):
            return
        if self._of_all.allows(CORE, now_s):
            self._waiting.put_nowait((message, reason, self._clock.now()))

    async def put_aside(self) -> None:
        """Wait for the next one, and put it among the dead letters."""
        message, reason, at = await self._waiting.get()
        await self._dead_letters.record(CORE, message.subject, message.data, reason, message.headers or {}, at)


class Door:
    """Lets in what a worker sends as often as it may; asked before anything is read."""

    def __init__(self, clock: Clock, per_s: float, at_once: float) -> None:
        self._clock = clock
        self._limit = RateLimit(per_s, at_once)

    def lets_in(self, message: Msg) -> bool:
        """Whether it is handled."""
        cost = max(1.0, len(message.data) / BYTES_OF_ONE)
        if self._limit.allows(_worker(message), self._clock.monotonic(), cost):
            return True
        _count_refused(message, RATE_LIMITED)
        return False

    async def turn_away(self, bus: Bus, message: Msg) -> None:
        """Tell who waits for an answer why there is none."""
        if message.reply:
            told = f"{_worker(message)} asks more than {self._limit.per_s:g} times a second: try again in a second"
            await bus.publish_core(message.reply, b"", {ERROR_CODE: RATE_LIMITED, ERROR: told})


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


async def hear_heartbeats(bus: Bus, leader: Leader, refusals: Refusals, clock: Clock) -> None:
    """Hear every worker, in every replica: whoever leads renews leases."""
    door = Door(clock, BEATS_PER_S, BEATS_AT_ONCE)

    async def hear(message: Msg) -> None:
        if not door.lets_in(message):
            return None
        try:
            heartbeat = Heartbeat.model_validate_json(message.data)
        except ValidationError as error:
            return refusals.note(message, _reason(error))
        if message.subject != subjects.heartbeat(heartbeat.worker_id):
            return refusals.note(message, f"worker {heartbeat.worker_id!r} does not belong on {message.subject!r}")
        return leader.hear(heartbeat)

    await bus.subscribe_core(subjects.HEARTBEATS, hear)


async def hear_workers(bus: Bus, sessions: Sessions, briefings: Briefings, refusals: Refusals, clock: Clock) -> None:
    """Hear workers that leave, or have a free slot; one replica hears each."""
    farewells, hints = Door(clock, ASKS_PER_S, ASKS_AT_ONCE), Door(clock, ASKS_PER_S, ASKS_AT_ONCE)

    async def end(message: Msg) -> None:
        if not farewells.lets_in(message):
            return await farewells.turn_away(bus, message)
        try:
            leaving = Leaving.model_validate_json(message.data) if message.data else Leaving()
        except ValidationError as error:
            return refusals.note(message, _reason(error))
        moved = await sessions.end(_worker(message), leaving.incarnation)
        return await _reply(message, Moved(moved=len(moved)))

    async def hint(message: Msg) -> None:
        if not hints.lets_in(message):
            return await hints.turn_away(bus, message)
        return await _reply(message, await briefings.next_task(_worker(message)))

    await bus.subscribe_core(subjects.END_SESSIONS, end, queue=reports.CONSUMER)
    await bus.subscribe_core(subjects.NEXT_TASKS, hint, queue=reports.CONSUMER)


async def _reply(message: Msg, answer: Model) -> None:
    if message.reply:
        await message.respond(answer.to_json())


def _worker(message: Msg) -> str:
    return message.subject.rsplit(".", 1)[1]


def _count_refused(message: Msg, reason: str) -> None:
    CORE_REFUSED.labels(message.subject.split(".", 2)[1], reason).inc()


def _reason(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'message'}: {first['msg']}"
