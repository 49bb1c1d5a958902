"""Consuming a durable in gatherings: all that has come while the last one was handled goes into one transaction."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, Generic, TypeVar

import pydantic
from nats.aio.msg import Msg

from contracts import subjects
from contracts.deadletters import DeadLetterCause
from servicekit.bus.connection import Bus
from servicekit.bus.counting import Counts
from servicekit.bus.deadletters import Letter
from servicekit.bus.failures import is_infrastructure, is_of_unknown_kind, reason_of
from servicekit.bus.fairness import FairShare, Turns
from servicekit.bus.lag import watch_lag
from servicekit.bus.pulling import HEARTBEAT_S, Puller
from servicekit.bus.received import Received, again, delivery_of, size_of
from servicekit.bus.settling import (
    DeadLetterSink,
    Handler,
    InfrastructureAwayError,
    Rejected,
    RetryPolicy,
    Settler,
)
from servicekit.bus.stopping import until_cancelled
from servicekit.clock import Clock, SystemClock
from servicekit.logs import get_logger

BodyT = TypeVar("BodyT")
Validate = Callable[[str, Any], str | None]

MISSING_PAUSE_S = 0.5
STOP_S = 15.0
FLOOD_TOLD_EVERY_S = 60.0
# Decoding goes on in one piece until it has taken about a millisecond; then others may run.
DECODE_BYTES = 64 * 1024
DEFAULT_POLICY = RetryPolicy()
# The same few answers are asked for again and again.
_belongs = lru_cache(maxsize=4096)(subjects.belongs_to)

log = get_logger(__name__)


class BatchConsumer(Generic[BodyT]):
    """Pulls from a durable, decodes, and calls `handler` with each gathering; see `run`.

    The handler owns the transaction: it returns when all of the gathering is applied, or raises when nothing is.
    What does not decode, or what `validate(subject, batch)` gives a reason against, goes to the dead letters. A
    gathering that fails because of its data is halved until the poison is found; while the infrastructure fails,
    nothing is put aside. With `fair`, who floods the stream waits while the consumer is behind.
    """

    def __init__(
        self,
        bus: Bus,
        stream: str,
        durable: str,
        decode: pydantic.TypeAdapter[BodyT],
        handler: Handler[BodyT],
        dead_letters: DeadLetterSink,
        *,
        validate: Validate | None = None,
        max_events: int = 1_000,
        max_wait_ms: int = 0,
        policy: RetryPolicy = DEFAULT_POLICY,
        fair: FairShare | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._bus = bus
        self._stream = stream
        self._durable = durable
        self._handler = handler
        self._decode = decode.validate_json
        self._validate = validate
        self._max_events = max_events
        self._max_wait_s = max_wait_ms / 1000
        self._policy = policy
        self._clock = clock or SystemClock()
        self._turns = Turns(fair) if fair is not None else None
        self._flood_told: dict[str, float] = {}
        self._settler = Settler(bus, stream, durable, handler, dead_letters, policy, self._clock)
        self._puller = Puller(bus, stream, durable, self._on_message, self._on_status)
        self._backlog: deque[Msg] = deque()
        self._ready: Gathering[BodyT] = Gathering()
        self._room = asyncio.Event()
        self._wake = asyncio.Event()
        self._pause_s = policy.first_pause_s
        self._counts = Counts(durable)
        bus.on_reconnect(self._on_back)
        dead_letters.attend(durable, self.process_again)

    async def process_again(self, letter: Letter) -> str | None:
        """Decode, check and handle a message that was put aside: None, or why it cannot be handled still.

        Raises what the handler raises while the infrastructure is away.
        """
        read = self._read(again(letter))
        if isinstance(read, Rejected):
            return read.reason
        try:
            await self._handler([read])
        except Exception as error:
            if is_infrastructure(error):
                raise
            return reason_of(error)
        return None

    async def run(self) -> None:
        """Consume until cancelled; then finish what is being handled, and give the rest back.

        The broker may be away, or without this durable, at the start or at any time.
        """
        self._settler.stopping.clear()
        await until_cancelled(self._work(), self._stop, STOP_S)

    def _stop(self) -> None:
        self._settler.stopping.set()
        self._wake.set()

    async def _work(self) -> None:
        stopping = self._settler.stopping
        while not stopping.is_set():
            delay_s = 0.0
            try:
                await self._consume()
            except InfrastructureAwayError as error:
                delay_s = self._pause_s
                log.warning("bus.consumer_paused", durable=self._durable, seconds=delay_s, error=str(error))
            await self._give_back(delay_s)
            await self._settler.pause(delay_s)
            self._pause_s = min(self._pause_s * 2, self._policy.most_pause_s)

    async def _consume(self) -> None:
        await self._or_stop(self._bus.wait_ready())
        if self._settler.stopping.is_set():
            return
        await self._puller.start()
        decoding = asyncio.create_task(self._decode_ahead(), name=f"decode-{self._durable}")
        watching = asyncio.create_task(watch_lag(self._bus, self._stream, self._durable), name=f"lag-{self._durable}")
        try:
            while not self._settler.stopping.is_set():
                await self._ask()
                await self._gather_and_settle()
        finally:
            decoding.cancel()
            watching.cancel()

    async def _ask(self) -> None:
        if self._puller.missing:
            self._bus.refresh()
            await self._settler.pause(MISSING_PAUSE_S)
            self._puller.restart()
        await self._puller.refill(len(self._backlog))

    async def _gather_and_settle(self) -> None:
        if not self._ready.events:
            await self._woken(HEARTBEAT_S)
        if self._max_wait_s and self._ready.events:
            await self._filled()
        if self._ready.events:
            gathering, self._ready = self._ready, Gathering()
            self._room.set()
            self._counts.taken(gathering.received, len(gathering.rejected), gathering.events)
            await self._settler.settle(gathering.received, gathering.rejected)
            self._counts.settled(gathering.received, self._clock.now())
            self._pause_s = self._policy.first_pause_s

    async def _filled(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._max_wait_s):
                while self._ready.events < self._max_events and not self._settler.stopping.is_set():
                    self._wake.clear()
                    await self._wake.wait()

    async def _woken(self, within_s: float) -> None:
        self._wake.clear()
        if self._settler.stopping.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._wake.wait()

    async def _decode_ahead(self) -> None:
        """Decode the next gathering while the database is busy with the last, but not more than that one."""
        undivided = 0
        while True:
            while self._backlog and self._ready.events < self._max_events:
                message = self._backlog.popleft()
                if await self._must_wait(message):
                    continue
                self._ready.add(self._read(message))
                undivided += len(message.data)
                if undivided > DECODE_BYTES:
                    undivided = 0
                    self._wake.set()
                    await asyncio.sleep(0)
            self._wake.set()
            self._room.clear()
            await self._room.wait()

    async def _must_wait(self, message: Msg) -> bool:
        """Give back what a sender that floods the stream has sent, until its turn has come."""
        sender = subjects.sender(message.subject)
        if self._turns is None or sender is None:
            return False
        delivery, now_s = delivery_of(message), self._clock.monotonic()
        delay_s = self._turns.delay_s(sender, delivery.stream_sequence, len(message.data), delivery.pending, now_s)
        if delay_s <= 0:
            return False
        await self._settler.defer(message, delay_s)
        self._counts.deferred.inc()
        if now_s - self._flood_told.get(sender, float("-inf")) >= FLOOD_TOLD_EVERY_S:
            self._flood_told[sender] = now_s
            log.warning("bus.flood", durable=self._durable, sender=sender, waiting=self._turns.waiting)
        return True

    def _read(self, message: Msg) -> Received[BodyT] | Rejected:
        try:
            body = self._decode(message.data)
            reason = self._validate(message.subject, body) if self._validate else None
        except Exception as error:
            # Whole, though it may have known events too: under the number of its batch all of it is applied once.
            cause = DeadLetterCause.newer if is_of_unknown_kind(error) else DeadLetterCause.invalid
            return Rejected(message, reason_of(error), cause)
        return Received(body, message) if reason is None else Rejected(message, reason, DeadLetterCause.foreign)

    def _on_message(self, message: Msg) -> None:
        self._settler.take(message)
        self._backlog.append(message)
        self._room.set()

    def _on_status(self) -> None:
        self._wake.set()

    async def _on_back(self) -> None:
        self._wake.set()

    async def _give_back(self, delay_s: float) -> None:
        await self._puller.stop()
        self._backlog.clear()
        self._ready = Gathering()
        if self._turns is not None:
            self._turns.forget()
        await self._settler.give_back(delay_s)

    async def _or_stop(self, waiting: Awaitable[None]) -> None:
        tasks = {asyncio.ensure_future(waiting), asyncio.ensure_future(self._settler.stopping.wait())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()


class Gathering(Generic[BodyT]):
    """Messages to be settled together."""

    __slots__ = ("events", "received", "rejected")

    def __init__(self) -> None:
        self.received: list[Received[BodyT]] = []
        self.rejected: list[Rejected] = []
        self.events = 0

    def add(self, one: Received[BodyT] | Rejected) -> None:
        """Take one in; what is rejected weighs as much as one event."""
        if isinstance(one, Rejected):
            self.rejected.append(one)
            self.events += 1
        else:
            self.received.append(one)
            self.events += size_of(one.batch)


def foreign_event(subject: str, batch: Any) -> str | None:
    """A reason against a `Batch[Event]` with an event that may not travel on its subject; for `validate`."""
    for event in batch.events:
        if not _belongs(subject, event.kind, event.worker_id, event.task_id):
            return (
                f"event {event.event_id}: kind {event.kind!r} of worker {event.worker_id!r} "
                f"and task {event.task_id!r} does not belong on {subject!r}"
            )
        if event.kind == "registered" and event.body.worker_id != event.worker_id:
            return f"event {event.event_id}: body.worker_id {event.body.worker_id!r} is not {event.worker_id!r}"
    return None
