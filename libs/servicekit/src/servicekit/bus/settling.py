"""What becomes of gathered messages: handled and acknowledged, put aside as dead letters, or given back."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

import nats.errors
from nats.aio.msg import Msg

from contracts.deadletters import DeadLetterCause
from servicekit.bus.connection import Bus
from servicekit.bus.counting import label_of
from servicekit.bus.deadletters import Again
from servicekit.bus.failures import is_infrastructure, reason_of
from servicekit.bus.received import TERM, Received, delivery_of, nak
from servicekit.bus.tracing import processing
from servicekit.clock import Clock
from servicekit.logs import get_logger
from servicekit.metrics import BUS_FAILURES, BUS_SECONDS

BodyT = TypeVar("BodyT")
Handler = Callable[[list[Received[BodyT]]], Awaitable[None]]

log = get_logger(__name__)


class DeadLetterSink(Protocol):
    """Where dead letters go; see `servicekit.bus.deadletters`."""

    def attend(self, durable: str, again: Again) -> None:
        """Know who processes the messages of a durable, for those that are tried again."""
        ...

    async def record(
        self,
        stream: str,
        subject: str,
        payload: bytes,
        reason: str,
        headers: Mapping[str, str],
        now: datetime,
        *,
        delivery: str | None = None,
        cause: DeadLetterCause = DeadLetterCause.invalid,
        durable: str | None = None,
        event_id: str | None = None,
    ) -> None:
        """Keep one message; raises when it cannot."""
        ...


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to insist, in s."""

    first_pause_s: float = 0.2
    """Pause after the first failure of the infrastructure; it doubles with each."""
    most_pause_s: float = 10.0
    """Longest pause."""
    hold_s: float = 15.0
    """How long messages are held while the infrastructure fails, before they are given back; less than the ack wait."""
    poison_delays_s: tuple[float, ...] = (1.0, 5.0)
    """A message that fails alone is tried again after each of these; then it is a dead letter."""


class Rejected(NamedTuple):
    """A message that says nothing that can be handled."""

    message: Msg
    reason: str
    cause: DeadLetterCause = DeadLetterCause.invalid


class InfrastructureAwayError(Exception):
    """The messages in hand cannot be settled now, through no fault of theirs."""


class Settler(Generic[BodyT]):
    """Knows which messages are in hand, and settles each of them exactly once."""

    def __init__(
        self,
        bus: Bus,
        stream: str,
        durable: str,
        handler: Handler[BodyT],
        dead_letters: DeadLetterSink,
        policy: RetryPolicy,
        clock: Clock,
    ) -> None:
        self.stopping = asyncio.Event()
        """Set it to stop insisting."""
        self._bus = bus
        self._stream = stream
        self._durable = durable
        self._handler = handler
        self._dead_letters = dead_letters
        self._policy = policy
        self._clock = clock
        self._in_hand: dict[str, Msg] = {}
        self._failures: dict[int, int] = {}
        self._seconds = BUS_SECONDS.labels(label_of(durable))
        self._handler_failures = BUS_FAILURES.labels(label_of(durable))

    def take(self, message: Msg) -> None:
        """Note that a message is in hand."""
        self._in_hand[message.reply] = message

    async def defer(self, message: Msg, delay_s: float) -> None:
        """Give one message back, unread; it comes again after the delay."""
        await self._say(message, nak(delay_s))

    async def settle(self, received: list[Received[BodyT]], rejected: list[Rejected]) -> None:
        """Handle all in one go, or in parts if that fails. Raises InfrastructureAwayError with the rest in hand."""
        for message, reason, cause in rejected:
            await self._bury(message, reason, cause)
        if received:
            await self._apply(received)

    async def give_back(self, delay_s: float) -> None:
        """Give back all that is in hand."""
        answer = nak(delay_s)
        for message in list(self._in_hand.values()):
            await self._say(message, answer)

    async def pause(self, seconds: float) -> None:
        """Sleep, or less when stopping."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()

    async def _apply(self, received: list[Received[BodyT]]) -> None:
        error = await self._insist(received)
        if error is None:
            await self._acknowledge(received)
        elif len(received) == 1:
            await self._retry_or_bury(received[0], error)
        else:
            half = len(received) // 2
            await self._apply(received[:half])
            await self._apply(received[half:])

    async def _insist(self, received: list[Received[BodyT]]) -> Exception | None:
        """Call the handler until it succeeds, or fails because of the messages; the latter is what is returned."""
        pause, give_up_at = self._policy.first_pause_s, self._clock.monotonic() + self._policy.hold_s
        while True:
            try:
                with self._seconds.time(), processing(self._stream, self._durable, received):
                    return await self._handler(received)
            except Exception as error:
                self._handler_failures.inc()
                away = is_infrastructure(error)
                log.warning(
                    "bus.handler_failed", durable=self._durable, messages=len(received), away=away, error=repr(error)
                )
                if not away:
                    return error
                if self.stopping.is_set() or self._clock.monotonic() + pause > give_up_at:
                    raise InfrastructureAwayError(str(error)) from error
            await self.pause(pause)
            pause = min(pause * 2, self._policy.most_pause_s)

    async def _retry_or_bury(self, received: Received[BodyT], error: Exception) -> None:
        failures = self._failures.pop(received.stream_sequence, 0)
        if failures < len(self._policy.poison_delays_s):
            self._failures[received.stream_sequence] = failures + 1
            return await self._say(received.message, nak(self._policy.poison_delays_s[failures]))
        return await self._bury(received.message, reason_of(error), DeadLetterCause.failed)

    async def _bury(self, message: Msg, reason: str, cause: DeadLetterCause) -> None:
        """Record a dead letter; only then is the broker told to forget the message."""
        if message.reply not in self._in_hand:
            return
        try:
            await self._dead_letters.record(
                self._stream,
                message.subject,
                message.data,
                reason,
                message.headers or {},
                self._clock.now(),
                delivery=self._place(message),
                cause=cause,
                durable=self._durable,
            )
        except Exception as error:
            raise InfrastructureAwayError(f"no dead letter can be recorded: {error!r}") from error
        await self._say(message, TERM)

    def _place(self, message: Msg) -> str:
        delivery = delivery_of(message)
        return f"{self._durable}:{delivery.stream_sequence}:{delivery.timestamp_ns}"

    async def _acknowledge(self, received: list[Received[BodyT]]) -> None:
        replies = [one.message.reply for one in received]
        for reply in replies:
            self._in_hand.pop(reply, None)
        with suppress(nats.errors.Error, OSError):
            await self._bus.publish_empty(replies)

    async def _say(self, message: Msg, answer: bytes) -> None:
        """Answer the broker without waiting for it: an answer that is lost means one more delivery, and no harm."""
        self._in_hand.pop(message.reply, None)
        with suppress(nats.errors.Error, OSError):
            await self._bus.nc.publish(message.reply, answer)
