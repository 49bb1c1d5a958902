"""A broker that confines whoever uses it, as `mews up` runs it, and clients of it that a test may misuse."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from contracts import subjects
from contracts.permissions import Rights
from devstack.bus import claims
from devstack.bus.authority import Authority
from devstack.bus.local import write_credentials
from servicekit.bus import Bus
from servicekit.bus.client import LastingClient
from servicekit.bus.keys import Credentials, KeyPair, Role
from servicekit.clock import SystemClock
from servicekit.settings import ServiceSettings
from tests.support.stack import TestNats

ALL = (">",)


@dataclass
class ConfinedNats:
    """The server, its authority, and a folder for credentials."""

    folder: Path
    authority: Authority
    server: TestNats

    def worker(self, worker_id: str, lasts: timedelta | None = None, now: datetime | None = None) -> Path:
        """A new credentials file of a worker."""
        made = self.authority.for_worker(worker_id, now or SystemClock().now(), lasts)
        return self._written(made, worker_id)

    def service(self, name: str) -> Path:
        """A new credentials file of a service."""
        return self._written(self.authority.for_service(name, SystemClock().now(), None), name)

    def watcher(self) -> Path:
        """A credentials file of somebody who may do all in the platform's account, as nobody does in earnest."""
        return self._written(all_rights(self.folder / "authority"), "watcher")

    def settings(self, credentials: Path, **more: object) -> ServiceSettings:
        """What somebody needs to connect with these credentials."""
        values = {"nats_host": self.server.host, "nats_port": self.server.port, "nats_credentials": str(credentials)}
        return ServiceSettings.model_validate(values | more)

    def _written(self, credentials: Credentials, name: str) -> Path:
        path = self.folder / f"{name}-{credentials.key.public[-8:]}.creds"
        write_credentials(path, credentials)
        return path


@dataclass
class RawClient:
    """A plain NATS client, and what the server has refused it."""

    nc: LastingClient
    refused: list[str] = field(default_factory=list[str])

    async def refusals_of_publishing(self, subject: str) -> list[str]:
        """What the server says to a message on this subject."""
        before = len(self.refused)
        await self.nc.publish(subject, b"{}")
        await self.nc.flush()
        return self.refused[before:]

    async def refusals_of_subscribing(self, subject: str) -> list[str]:
        """What the server says to a subscription."""
        before = len(self.refused)
        await self.nc.subscribe(subject)
        await self.nc.flush()
        return self.refused[before:]


def all_rights(authority: Path) -> Credentials:
    """Credentials of somebody who may do all in the platform's account, of a system too."""
    book = json.loads((authority / "authority.json").read_text())
    key, platform = KeyPair.generate(Role.user), KeyPair.from_seed(book["platform_seed"])
    return Credentials(claims.signed(claims.user(key.public, "watcher", Rights(ALL, ALL), None), platform, 1), key)


def confined_nats(folder: Path, **server: object) -> ConfinedNats:
    """A server that is started."""
    authority = Authority(folder / "authority")
    nats = TestNats(folder / "nats", authority=authority, **server)  # type: ignore[arg-type]
    nats.start()
    return ConfinedNats(folder, authority, nats)


@asynccontextmanager
async def raw_client(nats: ConfinedNats, credentials: Path, inbox: str) -> AsyncGenerator[RawClient]:
    """A client that goes on whatever it is refused."""
    raw = RawClient(LastingClient())

    async def on_error(error: Exception) -> None:
        raw.refused.append(str(error))

    await raw.nc.connect(
        nats.server.url, user_credentials=str(credentials), inbox_prefix=inbox, error_cb=on_error, connect_timeout=5
    )
    try:
        yield raw
    finally:
        await raw.nc.close()


@asynccontextmanager
async def worker_bus(nats: ConfinedNats, worker_id: str, credentials: Path) -> AsyncGenerator[Bus]:
    """The connection that a worker-agent has."""
    bus = await Bus.connect(
        nats.settings(credentials), f"worker-agent-{worker_id}", inbox_prefix=subjects.worker_inbox(worker_id)
    )
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def service_bus(nats: ConfinedNats, name: str, credentials: Path) -> AsyncGenerator[Bus]:
    """The connection that a service has."""
    bus = await Bus.connect(nats.settings(credentials), name)
    try:
        yield bus
    finally:
        await bus.close()
