"""How far durables are behind, and how full streams are: asked of the broker every now and then."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import nats.errors

from contracts import permissions
from servicekit.bus.connection import Bus
from servicekit.metrics import (
    BUS_ACK_PENDING,
    BUS_CONSUMER_REDELIVERED,
    BUS_PENDING,
    STREAM_BYTES,
    STREAM_LIMIT_BYTES,
    STREAM_MESSAGES,
)

EVERY_S = 10.0
AWAY = (nats.errors.Error, OSError, TimeoutError)


async def watch_lag(bus: Bus, stream: str, durable: str, every_s: float = EVERY_S) -> None:
    """Show how far a durable is behind, until cancelled; then nobody here knows any more.

    Workers have no right to ask, so this does nothing for what is not the service's own.
    """
    if (stream, durable) not in permissions.durables_of(bus.name):
        return
    try:
        while True:
            with suppress(*AWAY):
                await measure_lag(bus, stream, durable)
            await asyncio.sleep(every_s)
    finally:
        for gauge in (BUS_PENDING, BUS_ACK_PENDING, BUS_CONSUMER_REDELIVERED):
            gauge.remove(stream, durable)


async def measure_lag(bus: Bus, stream: str, durable: str) -> None:
    """Ask once. Raises the client's errors."""
    if not bus.connected:
        return
    info = await bus.js.consumer_info(stream, durable)
    BUS_PENDING.labels(stream, durable).set(info.num_pending or 0)
    BUS_ACK_PENDING.labels(stream, durable).set(info.num_ack_pending or 0)
    BUS_CONSUMER_REDELIVERED.labels(stream, durable).set(info.num_redelivered or 0)


async def measure_streams(bus: Bus, names: Iterable[str]) -> None:
    """Ask how full streams are. Raises the client's errors."""
    for name in names:
        info = await bus.js.stream_info(name)
        STREAM_MESSAGES.labels(name).set(info.state.messages)
        STREAM_BYTES.labels(name).set(info.state.bytes)
        if info.config.max_bytes is not None and info.config.max_bytes > 0:
            STREAM_LIMIT_BYTES.labels(name).set(info.config.max_bytes)
