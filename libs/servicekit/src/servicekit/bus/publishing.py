"""Publishing to JetStream in windows: many messages on the way at once, each acknowledged by the broker."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import nats.errors

from contracts.base import SCHEMA_VERSION
from servicekit.bus.acks import NO_RESPONDERS, Window
from servicekit.bus.connection import Bus
from servicekit.logs import get_logger
from servicekit.metrics import BUS_PUBLISH_FAILURES

WINDOW_MESSAGES = 512
WINDOW_BYTES = 4 * 1024 * 1024
ACK_TIMEOUT_S = 5.0
NOT_CONNECTED = "the broker is away"
NO_ACK = "no acknowledgement"

log = get_logger(__name__)


class Outgoing(NamedTuple):
    """A message to store: `message_id` makes a repeat harmless, `headers` go beside the platform's own."""

    subject: str
    message_id: str
    payload: bytes
    headers: dict[str, str] | None = None


async def publish_batches(
    bus: Bus, messages: Sequence[Outgoing], *, ack_timeout_s: float = ACK_TIMEOUT_S
) -> list[bool]:
    """Publish in order, and say for each message whether the broker has stored it (now or before).

    Never raises for a broker that is away, slow or full: what is False is to be published again, with the same id.
    """
    stored: list[bool] = []
    for window in _windows(messages):
        try:
            stored += await _publish_window(bus, window, ack_timeout_s)
        except TimeoutError:
            # A broker that answers nothing now need not be waited for again.
            break
    return stored + [False] * (len(messages) - len(stored))


def platform_headers(message_id: str, headers: dict[str, str] | None = None) -> dict[str, str]:
    """The headers of every stored message."""
    return {"Nats-Msg-Id": message_id, "Mews-Schema": SCHEMA_VERSION, **(headers or {})}


async def _publish_window(bus: Bus, messages: Sequence[Outgoing], ack_timeout_s: float) -> list[bool]:
    """As `publish_batches`. Raises TimeoutError when the broker has acknowledged nothing at all."""
    if not bus.connected:
        return [False] * len(messages)
    try:
        window, reply = await bus.acks.window(len(messages))
    except nats.errors.Error:
        return [False] * len(messages)
    try:
        for index, message in enumerate(messages):
            await _send(bus, window, index, message, reply(index))
        async with asyncio.timeout(ack_timeout_s):
            await window.done
    except TimeoutError:
        window.problem = window.problem or f"{NO_ACK} within {ack_timeout_s} s"
        if not any(window.stored):
            raise
    finally:
        bus.acks.close(window)
        _count(window)
    return window.stored


async def _send(bus: Bus, window: Window, index: int, message: Outgoing, reply: str) -> None:
    if window.done.done() or not bus.connected:
        return window.settle(index, NOT_CONNECTED)
    headers = platform_headers(message.message_id, message.headers)
    try:
        await bus.nc.publish(message.subject, message.payload, reply, headers)
    except (nats.errors.Error, OSError) as error:
        window.settle(index, str(error) or repr(error))
    return None


def _count(window: Window) -> None:
    missing = window.stored.count(False)
    if missing:
        problem = window.problem or NOT_CONNECTED
        BUS_PUBLISH_FAILURES.labels(_reason(problem)).inc(missing)
        log.warning("bus.not_stored", messages=missing, problem=problem)


def _reason(problem: str) -> str:
    """A label of few values."""
    if problem in {NOT_CONNECTED, NO_RESPONDERS}:
        return problem
    return "no acknowledgement" if problem.startswith(NO_ACK) else "refused"


def _windows(messages: Sequence[Outgoing]) -> Iterator[Sequence[Outgoing]]:
    start = size = 0
    for index, message in enumerate(messages):
        if index > start and (index - start >= WINDOW_MESSAGES or size + len(message.payload) > WINDOW_BYTES):
            yield messages[start:index]
            start, size = index, 0
        size += len(message.payload)
    if start < len(messages):
        yield messages[start:]
