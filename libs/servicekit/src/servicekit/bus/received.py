"""A stored message as a handler sees it, and what is said back to the broker about it."""

from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from servicekit.bus.deadletters import Letter

BodyT = TypeVar("BodyT")

NAK = b"-NAK"
TERM = b"+TERM"
NANOSECONDS = 1_000_000_000
DOMAIN_TOKENS = 11


class Delivery(NamedTuple):
    """What JetStream says about a delivery: how many there have been, the place in the stream, the time in ns.

    `pending` is how many messages are still to come after it.
    """

    deliveries: int
    stream_sequence: int
    timestamp_ns: int
    pending: int = 0


class Received(NamedTuple, Generic[BodyT]):
    """A decoded message. `batch` is a `contracts.batches.Batch`, or whatever else the consumer decodes."""

    batch: BodyT
    message: Msg
    """The message itself: for the consumer, which acknowledges it."""

    @property
    def subject(self) -> str:
        """Where it was published."""
        return self.message.subject

    @property
    def headers(self) -> dict[str, str]:
        """Its headers."""
        return self.message.headers or {}

    @property
    def stream_sequence(self) -> int:
        """Its place in the stream."""
        return delivery_of(self.message).stream_sequence

    @property
    def delivered(self) -> int:
        """How often the broker has delivered it."""
        return delivery_of(self.message).deliveries

    @property
    def redelivered(self) -> bool:
        """Whether the broker had delivered it before."""
        return self.delivered > 1

    @property
    def published_at(self) -> datetime:
        """When the broker stored it."""
        return datetime.fromtimestamp(delivery_of(self.message).timestamp_ns / NANOSECONDS, UTC)

    @property
    def size(self) -> int:
        """How many events it carries; 1 if it is no batch."""
        return size_of(self.batch)


def size_of(body: object) -> int:
    """How many events a decoded message carries."""
    events = getattr(body, "events", None)
    return 1 if events is None else len(events)


def delivery_of(message: Msg) -> Delivery:
    """Read `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<count>.<sequence>.<consumer's>.<ns>.<pending>[.…]`."""
    tokens = message.reply.split(".")
    skipped = 2 if len(tokens) >= DOMAIN_TOKENS else 0
    return Delivery(*(int(tokens[place + skipped]) for place in (4, 5, 7, 8)))


def again(letter: Letter) -> Msg:
    """A message that was put aside, as if it were delivered now.

    Of an event whose batch was applied without it, a batch of its own, which nobody can have applied before.
    """
    place = f"{letter.stream_sequence}.{letter.stream_sequence}.{letter.timestamp_ns}.0"
    reply = f"$JS.ACK.{letter.stream}.{letter.durable}.{letter.attempt}.{place}"
    payload = letter.payload
    if letter.event_id is not None:
        payload = b'{"producer":"dead-letter.%d","batch":%d,"events":[%b]}' % (letter.number, letter.attempt, payload)
    return Msg(Client(), letter.subject, reply, payload, letter.headers)


def nak(delay_s: float = 0.0) -> bytes:
    """Give a message back, to be delivered again after the delay."""
    if delay_s <= 0:
        return NAK
    return NAK + b" " + orjson.dumps({"delay": int(delay_s * NANOSECONDS)})
