"""What each service says of its readiness while one of the servers is away, and that all are ready again afterwards.

Each is a process of its own, as the kubelet asks it: one start of all of them, for all outages.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from devstack.services import GATEWAY, SERVICES
from servicekit.health import DEFAULT_TTL_S
from tests.support.orchestrating import outlast
from tests.support.sandbox import running_sandbox
from tests.support.service_processes import service_processes
from tests.support.stack import Database, TestNats, TestPostgres, TestRedis
from tests.support.waiting import eventually
from tests.support.worker_agent import worker_process

WORKER = "worker-agent"
NEEDS_ALL = [spec.name for spec in SERVICES if spec.name != GATEWAY]
HAVE_REDIS = ["telemetry-ingest", "analytics-query", GATEWAY]


class Lack(NamedTuple):
    """What is said without a server: the check that fails, its words, in which services, and whether they are ready."""

    check: str
    words: str
    services: list[str]
    status: int = 503


# The gateway takes calls without any of them, a worker reaches nothing but NATS, and whoever has Redis is only slower
# without it.
NEEDS = {
    "nats": Lack("bus", "NATS is away", [*NEEDS_ALL, WORKER]),
    "redis": Lack("redis", "Redis is away", HAVE_REDIS, 200),
    "postgres": Lack("schema", "PostgreSQL is away", NEEDS_ALL),
}


class Platform:
    """All that runs, and its addresses by name."""

    def __init__(self, http: httpx.AsyncClient, urls: dict[str, str]) -> None:
        self._http = http
        self._urls = urls

    async def becomes(self, server: str | None) -> None:
        """Wait until each says what it must while this server is away; None: while none is."""
        for name in self._urls:
            try:
                await eventually(lambda name=name: self.is_as(name, server))
            except AssertionError as error:
                raise AssertionError(f"without {server}, {name} says {await self._failing(name)}") from error

    async def is_as(self, name: str, server: str | None) -> bool:
        """Whether a service says just what it must, and nothing besides."""
        lack = NEEDS[server] if server else None
        status, failing = await self._failing(name)
        if lack is None or name not in lack.services:
            return (status, failing) == (200, {})
        return (status, set(failing)) == (lack.status, {lack.check}) and lack.words in failing[lack.check]

    async def holds(self, server: str) -> None:
        """Fail unless each says what it must now, and lives: an outage is no reason for the kubelet to kill it."""
        for name, url in self._urls.items():
            assert await self.is_as(name, server), (server, name, await self._failing(name))
            assert (await self._http.get(f"{url}/healthz")).status_code == 200, (server, name)

    async def _failing(self, name: str) -> tuple[int, dict[str, str]]:
        answer = await self._http.get(f"{self._urls[name]}/readyz")
        checks: dict[str, str] = answer.json()["checks"]
        return answer.status_code, {check: said for check, said in checks.items() if said != "ok"}


@asynccontextmanager
async def a_platform(database: Database, nats: TestNats, redis: TestRedis, folder: Path) -> AsyncGenerator[Platform]:
    # A gateway that admits everybody counts nobody's calls, and has no use for Redis: this one asks for a token.
    async with (
        service_processes(database, nats, redis, AUTH_MODE="token", GATEWAY_STATE_KEYS="0" * 64) as services,
        httpx.AsyncClient(timeout=10) as http,
    ):
        with running_sandbox() as sandbox, worker_process(folder, nats, sandbox) as worker:
            await worker.ready()
            urls = {name: process.url for name, process in services.items()}
            yield Platform(http, urls | {WORKER: f"http://127.0.0.1:{worker.http_port}"})


@pytest.mark.timeout(300)
async def test_each_service_says_which_server_it_lacks_and_is_ready_without_what_it_does_not_need(
    postgres: TestPostgres, database: Database, nats_server: TestNats, redis_server: TestRedis, tmp_path: Path
) -> None:
    servers = {"nats": nats_server, "redis": redis_server, "postgres": postgres}
    async with a_platform(database, nats_server, redis_server, tmp_path) as platform:
        for name, server in servers.items():
            server.stop()
            try:
                await platform.becomes(name)
                # What was said before stands for so long: then a check that is to pass has been asked again.
                await outlast(2 * DEFAULT_TTL_S)
                await platform.holds(name)
            finally:
                server.start()
            await platform.becomes(None)
