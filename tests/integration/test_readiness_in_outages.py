"""What each service says of its readiness while one of the servers is away, and that all are ready again afterwards."""

import asyncio
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
# Server: the check that fails without it, what that says, and in which services. The gateway takes calls without any
# of them, a worker reaches nothing but NATS, and whoever has Redis is only slower without it.
NEEDS: dict[str, tuple[str, str, list[str]]] = {
    "nats": ("bus", "NATS is away", [*NEEDS_ALL, WORKER]),
    "redis": ("", "", []),
    "postgres": ("schema", "PostgreSQL is away", NEEDS_ALL),
}


class Said(NamedTuple):
    """An answer of `/readyz`: its status, and the reasons of the checks that fail."""

    status: int
    failing: dict[str, str]


class Platform:
    """Addresses of all that runs, by name."""

    def __init__(self, http: httpx.AsyncClient, urls: dict[str, str]) -> None:
        self._http = http
        self._urls = urls

    async def readiness(self) -> dict[str, Said]:
        """What each says now."""
        answers = await asyncio.gather(*(self._http.get(f"{url}/readyz") for url in self._urls.values()))
        return {name: _said(answer) for name, answer in zip(self._urls, answers, strict=True)}

    async def is_as(self, server: str | None) -> bool:
        """Whether each says what it must while this server is away; None: while none is."""
        check, words, services = NEEDS[server] if server else ("", "", [])
        said = await self.readiness()
        lacking = {name for name, one in said.items() if one.status == 503}
        told = all(set(said[name].failing) == {check} and words in said[name].failing[check] for name in lacking)
        assert all(one.status in (200, 503) for one in said.values()), said
        return told and lacking == set(services)

    async def all_live(self) -> bool:
        """Whether each answers at all: an outage is no reason for the kubelet to kill it."""
        answers = await asyncio.gather(*(self._http.get(f"{url}/healthz") for url in self._urls.values()))
        return {answer.status_code for answer in answers} == {200}


def _said(answer: httpx.Response) -> Said:
    checks: dict[str, str] = answer.json()["checks"]
    return Said(answer.status_code, {name: reason for name, reason in checks.items() if reason != "ok"})


@asynccontextmanager
async def a_platform(database: Database, nats: TestNats, redis: TestRedis, folder: Path) -> AsyncGenerator[Platform]:
    # A gateway that admits everybody counts nobody's calls, and has no use for Redis.
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
                await eventually(lambda name=name: platform.is_as(name))
                # What was said before stands for so long; a check that is to pass has been asked again then.
                await outlast(2 * DEFAULT_TTL_S)
                assert await platform.is_as(name), (name, await platform.readiness())
                assert await platform.all_live(), name
            finally:
                server.start()
            await eventually(lambda: platform.is_as(None))
