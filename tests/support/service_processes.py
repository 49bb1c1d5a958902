"""The services as processes of their own, which a test may stop in order, and start again in their places."""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from devstack.ports import free_port
from devstack.services import SERVICES, ServiceSpec
from servicekit.migrations import run_migrations
from tests.support.schema import settings_of
from tests.support.stack import Database, TestNats, TestRedis
from tests.support.waiting import eventually

# The machine may be busy: that is no reason to fail.
START_WITHIN_S = 300.0


class Ended(NamedTuple):
    """How a process ended after SIGTERM."""

    code: int
    seconds: float


class ServiceProcess:
    """`python -m <service> serve` on a port that stays the same."""

    def __init__(self, spec: ServiceSpec, env: Mapping[str, str], port: int, log: Path) -> None:
        self.spec = spec
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self._env = dict(env)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; it is not ready yet."""
        with self.log.open("ab") as file:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", self.spec.module, "serve", env=self._env, stderr=file
            )

    async def ready(self) -> None:
        """Wait until it says that it is ready."""
        async with httpx.AsyncClient(base_url=self.url, timeout=5) as http:
            said = "nothing"

            async def is_ready() -> bool:
                nonlocal said
                assert self._process is not None
                assert self._process.returncode is None, self.log.read_text()[-2_000:]
                try:
                    answer = await http.get("/readyz")
                except httpx.TransportError as error:
                    said = repr(error)
                    return False
                said = answer.text
                return answer.status_code == 200

            try:
                await eventually(is_ready, START_WITHIN_S)
            except AssertionError as error:
                raise AssertionError(
                    f"{self.spec.name} says {said}; its log: {self.log.read_text()[-2_000:]}"
                ) from error

    async def stop(self) -> Ended:
        """End it in order."""
        assert self._process is not None
        begun = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(self._process.wait(), START_WITHIN_S)
        return Ended(code, time.monotonic() - begun)

    async def kill(self) -> None:
        """End it at once, if it runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def service_processes(
    database: Database, nats: TestNats, redis: TestRedis, **more: str
) -> AsyncGenerator[dict[str, ServiceProcess]]:
    """All services, migrated, started and ready; none is left afterwards."""
    ports = {spec.name: free_port() for spec in SERVICES}
    urls = {spec.url_variable: f"http://127.0.0.1:{ports[spec.name]}" for spec in SERVICES}
    shared = {"PATH": os.environ["PATH"], "LOG_LEVEL": "warning", "AUTH_MODE": "local"}
    with tempfile.TemporaryDirectory() as logs:
        made: dict[str, ServiceProcess] = {}
        for spec in SERVICES:
            place = {"HTTP_PORT": str(ports[spec.name])}
            env = shared | nats.env() | redis.env() | database.env(spec.schema) | urls | place | more
            made[spec.name] = ServiceProcess(spec, env, ports[spec.name], Path(logs) / f"{spec.name}.log")
        try:
            await _migrate(database, SERVICES)
            await asyncio.gather(*(process.start() for process in made.values()))
            await asyncio.gather(*(process.ready() for process in made.values()))
            yield made
        finally:
            await asyncio.gather(*(process.kill() for process in made.values()))


async def _migrate(database: Database, specs: Iterable[ServiceSpec]) -> None:
    for spec in specs:
        await run_migrations(f"{spec.module}.migrations", spec.schema, settings_of(database, spec.schema))
