"""Consuming a durable in gatherings: all that has come while the last one was handled goes into one transaction."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import pydantic
from nats.aio.msg import Msg

from contracts import subjects
from servicekit.bus.connection import Bus
from servicekit.bus.failures import reason_of
from servicekit.bus.pulling import HEARTBEAT_S, Puller
from servicekit.bus.received import Received, delivery_of
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
from servicekit.metrics import BUS_EVENTS, BUS_MESSAGES, BUS_REDELIVERIES

BodyT = TypeVar("BodyT")
Validate = Callable[[str, Any], str | None]

MISSING_PAUSE_S = 0.5
STOP_S = 15.0
# Decoding goes on in one piece until it has taken about a millisecond; then others may run.
DECODE_BYTES = 64 * 1024
DEFAULT_POLICY = RetryPolicy()

log = get_logger(__name__)


class BatchConsumer(Generic[BodyT]):
    """Pulls from a durable, decodes, and calls `handler` with each gathering; see `run`.

    The handler owns the transaction: it returns when all of the gathering is applied, or raises when nothing is.
    What does not decode, or what `validate(subject, batch)` gives a reason against, goes to the dead letters. A
    gathering that fails because of its data is halved until the poison is found; while the infrastructure fails,
    nothing is put aside.
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
        clock: Clock | None = None,
    ) -> None:
        self._bus = bus
        self._durable = durable
        self._decode = decode.validate_json
        self._validate = validate
        self._max_events = max_events
        self._max_wait_s = max_wait_ms / 1000
        self._policy = policy
        self._settler = Settler(bus, stream, durable, handler, dead_letters, policy, clock or SystemClock())
        self._puller = Puller(bus, stream, durable, self._on_message, self._on_status)
        self._backlog: deque[Received[BodyT] | Rejected] = deque()
        self._backlog_events = 0
        self._undivided_bytes = 0
        self._wake = asyncio.Event()
        self._pause_s = policy.first_pause_s
        self._messages = BUS_MESSAGES.labels(durable)
        self._events = BUS_EVENTS.labels(durable)
        self._redeliveries = BUS_REDELIVERIES.labels(durable)
        bus.on_reconnect(self._on_back)

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
        while not self._settler.stopping.is_set():
            await self._ask()
            received, rejected = await self._gather()
            if received or rejected:
                await self._settler.settle(received, rejected)
                self._pause_s = self._policy.first_pause_s

    async def _ask(self) -> None:
        if self._puller.missing:
            self._bus.refresh()
            await self._settler.pause(MISSING_PAUSE_S)
            self._puller.restart()
        await self._puller.refill(len(self._backlog))

    async def _gather(self) -> tuple[list[Received[BodyT]], list[Rejected]]:
        if not self._backlog:
            await self._woken(HEARTBEAT_S)
        if self._max_wait_s and self._backlog:
            await self._filled()
        return self._taken()

    def _taken(self) -> tuple[list[Received[BodyT]], list[Rejected]]:
        received: list[Received[BodyT]] = []
        rejected: list[Rejected] = []
        events = 0
        while self._backlog and events < self._max_events:
            one = self._backlog.popleft()
            if isinstance(one, Rejected):
                rejected.append(one)
                events += 1
            else:
                received.append(one)
                events += one.size
        self._backlog_events -= events
        self._count(received, rejected, events)
        return received, rejected

    def _count(self, received: list[Received[BodyT]], rejected: list[Rejected], events: int) -> None:
        self._messages.inc(len(received) + len(rejected))
        self._events.inc(events)
        again = sum(one.redelivered for one in received)
        if again:
            self._redeliveries.inc(again)

    async def _filled(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._max_wait_s):
                while self._backlog_events < self._max_events and not self._settler.stopping.is_set():
                    self._wake.clear()
                    await self._wake.wait()

    async def _woken(self, within_s: float) -> None:
        self._wake.clear()
        if self._settler.stopping.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._wake.wait()

    async def _on_message(self, message: Msg) -> None:
        self._settler.take(message)
        one = self._read(message)
        self._backlog.append(one)
        self._backlog_events += 1 if isinstance(one, Rejected) else one.size
        self._wake.set()
        self._undivided_bytes += len(message.data)
        if self._undivided_bytes > DECODE_BYTES:
            self._undivided_bytes = 0
            await asyncio.sleep(0)

    def _read(self, message: Msg) -> Received[BodyT] | Rejected:
        try:
            body = self._decode(message.data)
        except ValueError as error:
            return Rejected(message, reason_of(error))
        reason = self._validate(message.subject, body) if self._validate else None
        if reason is not None:
            return Rejected(message, reason)
        count, sequence, timestamp = delivery_of(message)
        return Received(message.subject, body, sequence, timestamp, count, message.headers or {}, message)

    def _on_status(self) -> None:
        self._wake.set()

    async def _on_back(self) -> None:
        self._wake.set()

    async def _give_back(self, delay_s: float) -> None:
        await self._puller.stop()
        self._backlog.clear()
        self._backlog_events = 0
        await self._settler.give_back(delay_s)

    async def _or_stop(self, waiting: Awaitable[None]) -> None:
        tasks = {asyncio.ensure_future(waiting), asyncio.ensure_future(self._settler.stopping.wait())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()


def foreign_event(subject: str, batch: Any) -> str | None:
    """A reason against a `Batch[Event]` with an event that may not travel on its subject; for `validate`."""
    for event in batch.events:
        if not subjects.belongs_to(subject, event.kind, event.worker_id, event.task_id):
            return (
                f"event {event.event_id}: kind {event.kind!r} of worker {event.worker_id!r} "
                f"and task {event.task_id!r} does not belong on {subject!r}"
            )
    return None
