"""What is counted of a durable: once a gathering, not once a message."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from contracts import streams
from servicekit.bus.received import Received
from servicekit.metrics import BUS_DEFERRED, BUS_DELAY_SECONDS, BUS_EVENTS, BUS_MESSAGES, BUS_REDELIVERIES

OF_SERVICES = frozenset(durable.name for stream in streams.STREAMS for durable in stream.durables)
OF_A_WORKER = "worker"


def label_of(durable: str) -> str:
    """How a durable is called in metrics: those of workers, which are called like them, all alike."""
    return durable if durable in OF_SERVICES else OF_A_WORKER


class Counts:
    """Of one durable in this process."""

    def __init__(self, durable: str) -> None:
        label = label_of(durable)
        self.deferred = BUS_DEFERRED.labels(label)
        self._messages = BUS_MESSAGES.labels(label)
        self._events = BUS_EVENTS.labels(label)
        self._redeliveries = BUS_REDELIVERIES.labels(label)
        self._delays = BUS_DELAY_SECONDS.labels(label)

    def taken(self, received: Sequence[Received[Any]], rejected: int, events: int) -> None:
        """A gathering is about to be handled."""
        self._messages.inc(len(received) + rejected)
        self._events.inc(events)
        again = sum(one.redelivered for one in received)
        if again:
            self._redeliveries.inc(again)

    def settled(self, received: Sequence[Received[Any]], now: datetime) -> None:
        """It was handled, or put aside. The broker's clock may be ahead."""
        if received:
            self._delays.observe(max(0.0, (now - received[0].published_at).total_seconds()))
