"""The gateway and the four services on real servers, in a thread of their own, for tests that throw much at them."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import hypothesis

from servicekit.bus import Bus
from tests.support.buskit import a_bus
from tests.support.stack import Database, TestNats, TestPostgres, TestRedis
from tests.support.upstreams import Addresses
from tests.support.whole_gateway import before_them, four_services

Result = TypeVar("Result")

ANSWER_WITHIN_S = 60.0
EXAMPLES = "MEWS_FUZZ_EXAMPLES"
DEFAULT_EXAMPLES = 12
# How long an example takes says more about the machine than about it.
SLOW = (
    hypothesis.HealthCheck.too_slow,
    hypothesis.HealthCheck.data_too_large,
    hypothesis.HealthCheck.filter_too_much,
    hypothesis.HealthCheck.large_base_example,
)


def bounded(share: float = 1.0) -> hypothesis.settings:
    """As many examples as MEWS_FUZZ_EXAMPLES says (times `share`), the same ones each time unless it is set."""
    asked = os.environ.get(EXAMPLES)
    # Making an example small takes longer than finding it: that is for who looks for more.
    phases = [hypothesis.Phase.generate, *([hypothesis.Phase.shrink] if asked else [])]
    return hypothesis.settings(
        max_examples=max(1, int(share * int(asked or DEFAULT_EXAMPLES))),
        derandomize=asked is None,
        deadline=None,
        phases=phases,
        database=None,
        suppress_health_check=SLOW,
    )


@dataclass(frozen=True)
class Besieged:
    """What runs, and how to ask it from another thread."""

    loop: asyncio.AbstractEventLoop
    http: httpx.AsyncClient
    bus: Bus
    nats: TestNats
    database: Database
    addresses: Addresses
    mcp_url: str

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do something in the thread in which all runs."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(ANSWER_WITHIN_S)

    @property
    def services(self) -> dict[str, str]:
        """Base addresses by name."""
        own = {
            "orchestrator": self.addresses.orchestrator,
            "telemetry-ingest": self.addresses.telemetry,
            "analytics-query": self.addresses.analytics,
            "question-broker": self.addresses.questions,
        }
        return own | {"mcp-gateway": self.mcp_url.removesuffix("/mcp")}

    async def all_ready(self) -> None:
        """Fail unless every service says that it is ready."""
        for name, url in self.services.items():
            answer = await self.http.get(f"{url}/readyz")
            assert answer.status_code == 200, f"{name}: {answer.text}"


@contextmanager
def besieged(postgres: TestPostgres, folder: Path) -> Generator[Besieged]:
    """Everything, started once; `folder` is for the servers."""
    nats, redis, database = TestNats(folder / "nats"), TestRedis(folder / "redis"), postgres.create()
    made, over = threading.Event(), asyncio.Event()
    found: list[Besieged] = []

    async def live() -> None:
        try:
            async with _everything(nats, redis, database) as system:
                found.append(system)
                made.set()
                await over.wait()
        finally:
            made.set()

    nats.start()
    redis.start()
    thread = threading.Thread(target=lambda: asyncio.run(live()), name="besieged")
    thread.start()
    try:
        made.wait()
        yield found[0]
    finally:
        for system in found:
            system.loop.call_soon_threadsafe(over.set)
        thread.join()
        nats.stop()
        redis.stop()
        postgres.drop(database)


@asynccontextmanager
async def _everything(nats: TestNats, redis: TestRedis, database: Database) -> AsyncGenerator[Besieged]:
    def env(schema: str) -> dict[str, str]:
        return database.env(schema) | nats.env() | redis.env()

    async with (
        four_services(env) as addresses,
        before_them(env, addresses, monitor_wait_ms=1_000) as mcp_url,
        a_bus(nats) as bus,
        httpx.AsyncClient(timeout=30) as http,
    ):
        yield Besieged(asyncio.get_running_loop(), http, bus, nats, database, addresses, mcp_url)
