"""Pull requests to a durable consumer: two outstanding on one inbox, so that messages never wait for a round trip."""

import asyncio
from collections.abc import Callable

import nats.errors
import orjson
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from servicekit.bus.connection import Bus
from servicekit.bus.received import NANOSECONDS
from servicekit.logs import get_logger

API_NEXT = "$JS.API.CONSUMER.MSG.NEXT"
EXPIRES_S = 30.0
HEARTBEAT_S = 5.0
DRAIN_S = 5.0
SILENCE_S = 2.5 * HEARTBEAT_S
LEAST_PULL, MOST_PULL = 8, 500
PULL_BYTES = 4 * 1024 * 1024
HARD_PULL_BYTES = 16 * 1024 * 1024
FIRST_GUESS_BYTES = PULL_BYTES / 64
SMOOTHING = 0.1
STATUS, DESCRIPTION, UNDELIVERED = "Status", "Description", "Nats-Pending-Messages"
HEARTBEAT, NO_RESPONDERS = "100", "503"

log = get_logger(__name__)


class Puller:
    """Asks for messages as fast as they are taken. `on_message` gets each one; `on_status` is a nudge."""

    def __init__(
        self,
        bus: Bus,
        stream: str,
        durable: str,
        on_message: Callable[[Msg], None],
        on_status: Callable[[], None],
    ) -> None:
        self.missing = False
        """Whether the broker has no such stream or durable."""
        self._bus = bus
        self._next = f"{API_NEXT}.{stream}.{durable}"
        self._on_message = on_message
        self._on_status = on_status
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._connection = 0
        self._asked = 0
        self._bytes_a_message = FIRST_GUESS_BYTES
        self._heard_at = 0.0
        self._told_missing = False

    async def start(self) -> None:
        """Open the inbox."""
        self._inbox = self._bus.nc.new_inbox()
        self._subscription = await self._bus.nc.subscribe(self._inbox, cb=self._on_delivery)
        self.restart()

    def restart(self) -> None:
        """Count the old requests as gone, as they are after a reconnect."""
        self._asked = 0
        self._connection = self._bus.connections
        self._heard_at = _monotonic()
        self.missing = False

    async def refill(self, backlog: int) -> None:
        """Ask for more when at most one request's worth is on the way or waiting to be handled."""
        if not self._bus.connected:
            return
        if self._connection != self._bus.connections or (self._asked and self._silent()):
            self.restart()
        size = self._pull_size()
        while self._asked + backlog <= size and not self.missing:
            await self._ask(size)

    async def stop(self) -> None:
        """Close the inbox after what is on the way has been handed over; what is lost comes again in time."""
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        try:
            if self._bus.connected:
                async with asyncio.timeout(DRAIN_S):
                    await subscription.drain()
            else:
                await subscription.unsubscribe()
        except (nats.errors.Error, OSError, TimeoutError) as error:
            log.info("bus.inbox_not_drained", error=repr(error))

    def _silent(self) -> bool:
        return _monotonic() - self._heard_at > SILENCE_S

    async def _ask(self, size: int) -> None:
        request = {
            "batch": size,
            "expires": int(EXPIRES_S * NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT_S * NANOSECONDS),
            "max_bytes": max(HARD_PULL_BYTES, 2 * self._bus.nc.max_payload),
        }
        await self._bus.nc.publish(self._next, orjson.dumps(request), self._inbox)
        self._asked += size

    async def _on_delivery(self, message: Msg) -> None:
        self._heard_at = _monotonic()
        if message.subject == self._inbox:
            self._note(message.headers or {})
            return self._on_status()
        self._asked = max(0, self._asked - 1)
        self._bytes_a_message += SMOOTHING * (len(message.data) - self._bytes_a_message)
        return self._on_message(message)

    def _note(self, headers: dict[str, str]) -> None:
        """Take in a status: a heartbeat, or a request that has ended with so many messages undelivered."""
        status, description = headers.get(STATUS), headers.get(DESCRIPTION, "")
        if status == HEARTBEAT:
            return
        undelivered = headers.get(UNDELIVERED)
        self._asked = max(0, self._asked - int(undelivered)) if undelivered is not None else 0
        if status == NO_RESPONDERS or "deleted" in description.lower():
            self.missing = True
            self._tell_missing(status, description)
        else:
            self._told_missing = False

    def _tell_missing(self, status: str | None, description: str) -> None:
        """Once: it may be missing for long."""
        if not self._told_missing:
            self._told_missing = True
            log.warning("bus.durable_missing", subject=self._next, status=status, description=description)

    def _pull_size(self) -> int:
        return int(min(MOST_PULL, max(LEAST_PULL, PULL_BYTES / max(1.0, self._bytes_a_message))))


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
