"""What is counted of a durable: once a gathering, not once a message."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from servicekit.bus.received import Received
from servicekit.metrics import BUS_DEFERRED, BUS_DELAY_SECONDS, BUS_EVENTS, BUS_MESSAGES, BUS_REDELIVERIES


class Counts:
    """Of one durable in this process."""

    def __init__(self, durable: str) -> None:
        self.deferred = BUS_DEFERRED.labels(durable)
        self._messages = BUS_MESSAGES.labels(durable)
        self._events = BUS_EVENTS.labels(durable)
        self._redeliveries = BUS_REDELIVERIES.labels(durable)
        self._delays = BUS_DELAY_SECONDS.labels(durable)

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
