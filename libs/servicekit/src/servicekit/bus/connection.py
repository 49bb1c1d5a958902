"""The connection to NATS: it is made in the background, never given up, and tells who wants to know when it is back."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Self

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from contracts import subjects
from servicekit.bus.acks import AckInbox
from servicekit.bus.client import CANCEL_AGAIN_S, LastingClient
from servicekit.health import NotReady
from servicekit.logs import get_logger
from servicekit.metrics import BUS_CONNECTED
from servicekit.settings import ServiceSettings

Callback = Callable[[], Awaitable[None]]
MessageCallback = Callable[[Msg], Awaitable[None]]

FIRST_CONNECT_S = 2.0
RECONNECT_WAIT_S = 0.25
CONNECT_TIMEOUT_S = 5
PING_INTERVAL_S = 10
DRAIN_TIMEOUT_S = 5
PENDING_BYTES = 4 * 1024 * 1024
API_TIMEOUT_S = 5.0
RETRY_FIRST_S, RETRY_MOST_S = 0.2, 5.0

log = get_logger(__name__)


class Bus:
    """One connection to NATS. `nc` and `js` are nats-py's client and JetStream context."""

    def __init__(self, settings: ServiceSettings, name: str, inbox_prefix: str | None = None) -> None:
        self.name = name
        """Of the service that it belongs to."""
        self.nc = LastingClient()
        self.js: JetStreamContext = self.nc.jetstream(timeout=API_TIMEOUT_S)
        self.acks = AckInbox(self.nc)
        prefix = inbox_prefix or subjects.service_inbox(name)
        self._options: dict[str, Any] = {**connect_options(settings), "name": name, "inbox_prefix": prefix}
        self.connections = 0
        """How many connections there have been."""
        self._connected = asyncio.Event()
        self._settled = asyncio.Event()
        self._last_error = ""
        self._again = False
        self._setups: list[Callback] = []
        self._setting_up = asyncio.Lock()
        self._on_reconnect: list[Callback] = []
        self._on_disconnect: list[Callable[[], None]] = []
        self._on_drain: list[Callback] = []
        self._connecting: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, settings: ServiceSettings, name: str, *, inbox_prefix: str | None = None) -> Self:
        """Connect. Where NATS does not answer within 2 s, return all the same and go on trying in the background.

        `inbox_prefix` begins the subjects on which answers come; left out, it is that of the service `name`.
        """
        bus = cls(settings, name, inbox_prefix)
        bus._connecting = asyncio.create_task(bus._establish(), name="bus-connect")
        try:
            done, _ = await asyncio.wait({bus._connecting}, timeout=FIRST_CONNECT_S)
        except asyncio.CancelledError:
            await bus.close()
            raise
        for task in done:
            task.result()
        return bus

    @property
    def connected(self) -> bool:
        """Whether the broker is there now."""
        return self._connected.is_set() and self.nc.is_connected

    @property
    def ready(self) -> bool:
        """Whether the broker is there and every `on_reconnect` callback has succeeded since it came."""
        return self.connected and self._settled.is_set()

    async def check(self) -> None:
        """For readiness: raises NotReady unless `ready`."""
        if not self.ready:
            raise NotReady(
                "NATS is away" if not self.connected else "NATS is back; what is missing there is being declared"
            )

    async def wait_connected(self) -> None:
        """Wait until the broker is there."""
        await self._connected.wait()

    async def wait_ready(self) -> None:
        """Wait until `ready`."""
        while not self.ready:
            await self._connected.wait()
            await self._settled.wait()

    def on_reconnect(self, callback: Callback) -> None:
        """Call back after each later connection and on `refresh`, and again while it raises."""
        self._on_reconnect.append(callback)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call back when the connection is lost."""
        self._on_disconnect.append(callback)

    def on_drain(self, callback: Callback) -> None:
        """Call back when the bus is to drain, and wait for it: what it sends still goes out."""
        self._on_drain.append(callback)

    def refresh(self) -> None:
        """Run the `on_reconnect` callbacks as if the broker had just come: something that they see to is missing."""
        if not self.connected:
            return
        self._settled.clear()
        self._again = True
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh(), name="bus-refresh")

    async def once_connected(self, setup: Callback) -> None:
        """Do it now if the broker is there, otherwise when it first comes; again if the broker goes in the middle."""
        self._setups.append(setup)
        if self.connected and not await self._try_set_up():
            self.refresh()

    async def publish_core(self, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> bool:
        """Publish without storage; what cannot be sent now is dropped, and False."""
        if not self.connected:
            return False
        try:
            await self.nc.publish(subject, payload, headers=headers)
        except (
            nats.errors.ConnectionClosedError,
            nats.errors.ConnectionDrainingError,
            nats.errors.OutboundBufferLimitError,
        ):
            return False
        return True

    async def subscribe_core(self, subject: str, callback: MessageCallback, *, queue: str = "") -> None:
        """Subscribe without storage, for as long as the bus lives; `queue` shares the messages among subscribers."""

        async def subscribe() -> None:
            await self.nc.subscribe(subject, queue=queue, cb=callback)

        await self.once_connected(subscribe)

    async def request(
        self, subject: str, payload: bytes, timeout_s: float = 5.0, headers: dict[str, str] | None = None
    ) -> Msg:
        """Ask and wait for one answer. Raises `nats.errors.NoRespondersError` or `nats.errors.TimeoutError`."""
        return await self.nc.request(subject, payload, timeout=timeout_s, headers=headers)

    async def publish_empty(self, subjects: Sequence[str]) -> None:
        """Publish nothing but the fact on many subjects at once: it is how stored messages are acknowledged."""
        await self.nc.publish_empty(subjects)

    async def flush(self) -> None:
        """Wait until the broker has read all that was sent."""
        await self.nc.flush()

    async def drain(self) -> None:
        """Take no new messages, let the callbacks finish, send what is pending, and close; at most about 5 s."""
        await self._stop_tasks()
        if self.connected:
            for callback in self._on_drain:
                await callback()
            with suppress(nats.errors.Error, OSError, TimeoutError):
                await self.nc.drain()
        await self.close()

    async def close(self) -> None:
        """Close at once."""
        await self._stop_tasks()
        self._connected.clear()
        if not self.nc.is_closed:
            with suppress(nats.errors.Error, OSError):
                await self.nc.close()

    async def _establish(self) -> None:
        await self.nc.connect(
            **self._options,
            error_cb=self._on_error,
            disconnected_cb=self._lost,
            reconnected_cb=self._found,
        )
        await self._found()

    async def _found(self) -> None:
        self.connections += 1
        self._connected.set()
        BUS_CONNECTED.set(1)
        self._last_error = ""
        log.info("bus.connected", connections=self.connections)
        await self._try_set_up()
        self.refresh()

    async def _lost(self) -> None:
        self._connected.clear()
        self._settled.clear()
        BUS_CONNECTED.set(0)
        self.acks.give_up_all()
        for callback in self._on_disconnect:
            callback()

    async def _on_error(self, error: Exception) -> None:
        """Log what is new: an outage makes the same error many times a second."""
        if repr(error) != self._last_error:
            self._last_error = repr(error)
            log.warning("bus.error", error=self._last_error)

    async def _try_set_up(self) -> bool:
        """Whether nothing is left to set up; what is left is for `refresh`."""
        try:
            await self._set_up()
        except (nats.errors.Error, OSError, TimeoutError) as error:
            log.warning("bus.setup_failed", error=repr(error))
            return False
        return True

    async def _set_up(self) -> None:
        async with self._setting_up:
            while self._setups:
                await self._setups[0]()
                self._setups.pop(0)

    async def _refresh(self) -> None:
        while self._again and self.connected:
            self._again = False
            await self._insist(self._set_up)
            for callback in list(self._on_reconnect):
                await self._insist(callback)
        if self.connected:
            self._settled.set()

    async def _insist(self, callback: Callback) -> None:
        pause = RETRY_FIRST_S
        while self.connected:
            try:
                return await callback()
            except Exception as error:
                log.warning("bus.callback_failed", error=repr(error), retry_in_s=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_MOST_S)
        return None

    async def _stop_tasks(self) -> None:
        await _end(self._connecting, CANCEL_AGAIN_S)
        await _end(self._refreshing, DRAIN_TIMEOUT_S)


async def _end(task: asyncio.Task[None] | None, again_s: float) -> None:
    """Cancel a task, again and again for a while: nats-py, while it connects, may lose a cancellation."""
    until = asyncio.get_running_loop().time() + DRAIN_TIMEOUT_S
    while task is not None and not task.done() and asyncio.get_running_loop().time() < until:
        task.cancel()
        await asyncio.wait({task}, timeout=again_s)


def connect_options(settings: ServiceSettings) -> dict[str, Any]:
    """What nats-py's `connect` is told. Raises OSError for a missing file."""
    scheme = "tls" if settings.nats_tls else "nats"
    options: dict[str, Any] = {
        "servers": [f"{scheme}://{host}" for host in _hosts(settings.nats_host, settings.nats_port)],
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": RECONNECT_WAIT_S,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "ping_interval": PING_INTERVAL_S,
        "max_outstanding_pings": 2,
        "drain_timeout": DRAIN_TIMEOUT_S,
        "pending_size": PENDING_BYTES,
    }
    if settings.nats_user:
        options["user"] = settings.nats_user
    if settings.nats_password:
        options["password"] = settings.nats_password.get_secret_value()
    if settings.nats_credentials:
        options["user_credentials"] = settings.nats_credentials
    if settings.nats_tls:
        options["tls"] = _tls(settings)
    return options


def _hosts(hosts: str, port: int) -> list[str]:
    named = [host.strip() for host in hosts.split(",") if host.strip()]
    return [f"{host}:{port}" if ":" not in host or host.endswith("]") else host for host in named]


def _tls(settings: ServiceSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.nats_tls_ca)
    if settings.nats_tls_certificate:
        context.load_cert_chain(settings.nats_tls_certificate, settings.nats_tls_key)
    return context
