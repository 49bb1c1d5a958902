"""The real service that answers reports, and how long it takes beside plain SQL."""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
from psutil import Process
from redis.asyncio import Redis

from devstack.ports import free_port
from tests.load.measuring import Servers
from tests.load.report_calls import Call
from tests.support.waiting import eventually

LENGTHS = {"last_24_hours": 1, "last_7_days": 7, "last_30_days": 30}
MOVE_ON = "UPDATE projection SET position = position + 1"
LONGEST_PLAIN_S = 60.0
"""What all runs of one plain SQL may take together; the first is always made."""
REST_S, RESTING = 2.0, 0.05
"""For so long a service must use no more than this share of a core, so that what it does at its start is over."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """analytics-query as it runs, and its cache."""

    client: httpx.AsyncClient
    cache: Redis
    projections: asyncpg.Connection
    moving: bool
    """Whether the projections move on before each cold call, as they do while a fleet works."""

    async def make_cold(self) -> None:
        """Forget answers, and what is true at one position alone."""
        await self.cache.flushall()
        if self.moving:
            await self.projections.execute(MOVE_ON)


@asynccontextmanager
async def answering(servers: Servers, *, moving: bool = False) -> AsyncGenerator[Service]:
    """The service in a process of its own, with nothing to project."""
    port = free_port()
    env = servers.env("analytics") | {"HTTP_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "analytics_query", "serve", env=env)
    cache = Redis(host=servers.redis.host, port=servers.redis.port)
    projections = await asyncpg.connect(servers.database.dsn("analytics", owner=True))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:

            async def ready() -> bool:
                with suppress(httpx.TransportError):
                    return (await client.get("/readyz")).status_code == 200
                return False

            await eventually(ready, within=30)
            await _at_rest(process.pid)
            yield Service(client, cache, projections, moving)
    finally:
        await cache.aclose()
        await projections.close()
        process.terminate()
        await process.wait()


async def _at_rest(pid: int) -> None:
    """Wait until a process does next to nothing: a service that has just started makes sums before anybody asks."""
    usage = Process(pid)

    async def rests() -> bool:
        before = sum(usage.cpu_times()[:2])
        await asyncio.sleep(REST_S)
        return sum(usage.cpu_times()[:2]) - before < REST_S * RESTING

    await eventually(rests, within=300)


@dataclass(frozen=True)
class Asked:
    """One report over one history."""

    service: Service
    log: asyncpg.Connection
    calls: Sequence[Call]


async def measure_calls(asked: Sequence[Asked], plain_calls: int) -> list[Json]:
    """Milliseconds of one report over each history: the first call ever, cold and cached ones, and its plain SQL.

    The histories are asked in turn, so that a machine which is slower for a while is so for all of them.
    """
    firsts = [await _first(one) for one in asked]
    cold: list[list[float]] = [[] for _ in asked]
    cached: list[list[float]] = [[] for _ in asked]
    for calls in zip(*(one.calls for one in asked), strict=True):
        for place, (one, call) in enumerate(zip(asked, calls, strict=True)):
            await one.service.make_cold()
            cold[place].append(await _timed(one.service, call))
            cached[place].append(await _timed(one.service, call))
    plain = [await _plain_calls(one, plain_calls) for one in asked]
    return [
        {"first": first, "cold": _summed(some), "cached": _summed(others), "plain": _summed(sql)}
        for first, some, others, sql in zip(firsts, cold, cached, plain, strict=True)
    ]


async def _first(asked: Asked) -> float:
    # The histories share one cache.
    await asked.service.make_cold()
    return await _timed(asked.service, asked.calls[0])


async def _plain_calls(asked: Asked, most: int) -> list[float]:
    plain = [await _plain(asked.log, asked.calls[0])]
    for call in asked.calls[1:most]:
        if sum(plain) < LONGEST_PLAIN_S * 1000:
            plain.append(await _plain(asked.log, call))
    return plain


async def _timed(service: Service, call: Call) -> float:
    started = time.perf_counter()
    answer = await service.client.get(call.path, params=call.params)
    taken = time.perf_counter() - started
    assert answer.status_code == 200, f"{call.path} {call.params}: {answer.text[:500]}"
    return taken * 1000


async def _plain(log: asyncpg.Connection, call: Call) -> float:
    until = datetime.now(UTC)  # noqa: TID251
    since = until - timedelta(days=LENGTHS.get(call.params.get("time_range", ""), 1))
    started = time.perf_counter()
    await log.fetch(call.sql, *call.arguments(since, until))
    return (time.perf_counter() - started) * 1000


def _summed(values: Sequence[float]) -> Json:
    if len(values) < 2:
        return {"calls": len(values), "p50": values[0], "p99": values[0], "max": values[0]}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"calls": len(values), "p50": cuts[49], "p99": cuts[98], "max": max(values)}
