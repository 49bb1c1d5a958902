"""Tasks a second from an accepted `assign` to the recorded completion, and the latency at low load.

    python -m tests.load.dispatch [--tasks 30000] [--outstanding 1024] [--json]

The orchestrator is one real process on fresh servers that are as durable as in production. Four workers of 500 slots
live in this process and complete every attempt at once: they pull assignments, and say outcomes in sealed batches.
Tasks come through the batch API, as many at a time as `--outstanding` lets be under way. Latency: one task at a time
through `POST /v1/tasks`, from before the request to the commit that recorded the completion, as PostgreSQL tells it.
CPU time a task tells most on a machine that is busy with something else. Beside it all, in the same run, the bare
loops of bare_dispatch.py, whose one process is client, dispatcher and worker at once.
"""

import argparse
import asyncio
import math
import os
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import orjson
import psutil
import uvloop

from contracts import streams, subjects
from contracts.workers import Heartbeat, Registration
from devstack.ports import free_port
from servicekit.bus import BatchConsumer, Bus, Outgoing, Received, ensure_worker_consumers, publish_batches
from servicekit.ids import new_event_id, new_id
from servicekit.settings import ServiceSettings
from tests.load.bare_dispatch import NoLetters, Raw, bare_latencies, bare_throughput
from tests.load.measuring import Report, Servers, fresh_servers, percentiles

WORKERS = 4
SLOTS = 500
ORDER = 100
MOST_IN_A_BATCH = 256
PAUSE_S = 0.02
TASK = {
    "description": "Write the missing tests of the parser, and mend what they find.",
    "requirements": {"repository": "https://example.org/parser.git", "ref": "main"},
}
WARM_UP = 2_000
COMPLETED = "SELECT COALESCE(sum(tasks_completed), 0) FROM workers"
COMMITS = (
    "SELECT task_id, pg_xact_commit_timestamp(xmin) AS at FROM tasks WHERE task_id = ANY($1) AND status = 'completed'"
)


@dataclass(frozen=True)
class Measured:
    """One contender: tasks/s, CPU time a task, latencies in ms."""

    rate: float
    cpu_us: float
    slow: Mapping[str, float]
    row_by_row: float = math.nan


class InstantWorker:
    """Completes whatever it is given, at once."""

    def __init__(self, bus: Bus, worker_id: str) -> None:
        self.worker_id = worker_id
        self._bus = bus
        self._incarnation = new_id("inc")
        self._producer = new_id("spool")
        self._number = 0

    async def start(self) -> None:
        """Register."""
        await ensure_worker_consumers(self._bus.js, self.worker_id)
        body = Registration(
            worker_id=self.worker_id, hostname="load", incarnation=self._incarnation, max_concurrent_tasks=SLOTS
        )
        await self._say(
            subjects.for_event("registered", self.worker_id, None), [self._event("registered", body.to_dict())]
        )

    async def run(self) -> None:
        """Take and complete until cancelled."""
        await BatchConsumer(
            self._bus,
            streams.TASKS,
            self.worker_id,
            Raw(),
            self._complete,
            NoLetters(),  # type: ignore[arg-type]
        ).run()

    async def beat(self) -> None:
        """Heartbeats until cancelled."""
        while True:
            beat = Heartbeat(
                worker_id=self.worker_id,
                incarnation=self._incarnation,
                sent_at=_now(),
                slots_total=SLOTS,
                slots_free=SLOTS,
            )
            await self._bus.publish_core(subjects.heartbeat(self.worker_id), beat.to_json())
            await asyncio.sleep(5)

    async def _complete(self, received: list[Received[Any]]) -> None:
        now = _now()
        observed = {"agent": "load", "exit_code": 0, "wall_ms": 0}
        body = {"status": "completed", "started_at": now, "ended_at": now, "observed": observed}
        events = [
            self._event("outcome", body, task_id=one.batch["task_id"], attempt=one.batch["attempt"]) for one in received
        ]
        await self._say(subjects.for_event("outcome", self.worker_id, None), events)

    def _event(self, kind: str, body: dict[str, Any], **about: Any) -> dict[str, Any]:
        envelope = {"event_id": new_event_id(), "worker_id": self.worker_id, "occurred_at": _now(), "seq": 1}
        return envelope | {"kind": kind, "evidence": "observed", "body": body} | about

    async def _say(self, subject: str, events: list[dict[str, Any]]) -> None:
        messages: list[Outgoing] = []
        for start in range(0, len(events), MOST_IN_A_BATCH):
            self._number += 1
            sealed = {"producer": self._producer, "batch": self._number}
            payload = orjson.dumps(sealed | {"events": events[start : start + MOST_IN_A_BATCH]})
            messages.append(Outgoing(subject, f"{self._producer}.{self._number}", payload))
        assert all(await publish_batches(self._bus, messages))


@asynccontextmanager
async def orchestrator(servers: Servers) -> AsyncGenerator[tuple[str, int]]:
    """The real process; gives its address and process id."""
    port = free_port()
    env = servers.env("orchestrator") | {"HTTP_PORT": str(port)}
    migrate = await asyncio.create_subprocess_exec(sys.executable, "-m", "orchestrator", "migrate", env=env)
    assert await migrate.wait() == 0
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "orchestrator", "serve", env=env)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url) as client:
            await _until(lambda: _is_ready(client), 20)
        yield url, process.pid
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def fleet(bus: Bus, url: str) -> AsyncGenerator[None]:
    """Workers that are known and at work."""
    workers = [InstantWorker(bus, f"w{number}") for number in range(WORKERS)]
    for worker in workers:
        await worker.start()
    async with httpx.AsyncClient(base_url=url) as client:
        await _until(lambda: _all_known(client), 10)
    running = [asyncio.create_task(work) for worker in workers for work in (worker.run(), worker.beat())]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def throughput(url: str, conn: asyncpg.Connection, tasks: int, outstanding: int) -> float:
    """Tasks a second from the first request to the last recorded completion."""
    body = orjson.dumps({"tasks": [TASK] * ORDER})
    headers = {"Content-Type": "application/json"}
    before = await conn.fetchval(COMPLETED)
    submitted = recorded = 0
    started = time.perf_counter()
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        orders: set[asyncio.Task[httpx.Response]] = set()
        while recorded < tasks:
            while submitted < tasks and submitted - recorded + ORDER <= outstanding:
                orders.add(asyncio.create_task(client.post("/v1/tasks/batch", content=body, headers=headers)))
                submitted += ORDER
            await asyncio.sleep(0.003)
            for order in [order for order in orders if order.done()]:
                orders.discard(order)
                assert order.result().status_code == 200, order.result().text
            recorded = await conn.fetchval(COMPLETED) - before
    return tasks / (time.perf_counter() - started)


async def latencies(url: str, conn: asyncpg.Connection, tasks: int) -> list[float]:
    """From before the request to the commit of the completion, in ms, one at a time."""
    sent: dict[str, datetime] = {}
    async with httpx.AsyncClient(base_url=url) as client:
        for _ in range(tasks):
            at = _now()
            answer = await client.post("/v1/tasks", json=TASK)
            sent[answer.json()["task_id"]] = at
            await asyncio.sleep(PAUSE_S)

    async def all_recorded() -> bool:
        return len(await conn.fetch(COMMITS, list(sent))) == tasks

    await _until(all_recorded, 30)
    rows = await conn.fetch(COMMITS, list(sent))
    return [(row["at"] - sent[row["task_id"]]).total_seconds() * 1000 for row in rows]


async def measure(servers: Servers, options: argparse.Namespace) -> Report:
    """All figures."""
    report = Report("dispatch: from assign to recorded completion")
    settings = ServiceSettings.model_validate({"nats_host": servers.nats.host, "nats_port": servers.nats.port})
    bus = await Bus.connect(settings, "load")
    conn = await asyncpg.connect(servers.database.dsn("orchestrator"))
    product = await measure_product(servers, bus, conn, options)
    bare = await measure_bare(servers, bus, options)
    await conn.close()
    await bus.close()
    report.add(f"throughput, {options.outstanding} under way, grouped", "tasks/s", product.rate, bare.rate)
    report.add("throughput, against row by row", "tasks/s", product.rate, bare.row_by_row)
    report.add("CPU time of the process", "us/task", product.cpu_us, bare.cpu_us, higher_is_better=False)
    for name in ("p50", "p99"):
        report.add(f"latency at low load, {name}", "ms", product.slow[name], bare.slow[name], higher_is_better=False)
    return report


async def measure_product(
    servers: Servers, bus: Bus, conn: asyncpg.Connection, options: argparse.Namespace
) -> Measured:
    """The orchestrator."""
    async with orchestrator(servers) as (url, pid), fleet(bus, url):
        await throughput(url, conn, WARM_UP, options.outstanding)
        before = cpu_us(pid)
        rate = await throughput(url, conn, options.tasks, options.outstanding)
        cpu = (cpu_us(pid) - before) / options.tasks
        return Measured(rate, cpu, percentiles(await latencies(url, conn, options.samples)))


async def measure_bare(servers: Servers, bus: Bus, options: argparse.Namespace) -> Measured:
    """The bare loops."""
    if options.product_only:
        return Measured(math.nan, math.nan, {"p50": math.nan, "p99": math.nan}, math.nan)
    before = cpu_us(os.getpid())
    rate = await bare_throughput(servers, bus, options.tasks, grouped=True, outstanding=options.outstanding)
    cpu = (cpu_us(os.getpid()) - before) / options.tasks
    rows = await bare_throughput(servers, bus, options.tasks // 10, grouped=False, outstanding=64)
    slow = await bare_latencies(servers, bus, options.samples, PAUSE_S, grouped=True)
    return Measured(rate, cpu, percentiles(slow), rows)


def cpu_us(pid: int) -> float:
    """CPU time that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return (times.user + times.system) * 1_000_000


async def _is_ready(client: httpx.AsyncClient) -> bool:
    with suppress(httpx.TransportError):
        return (await client.get("/readyz")).status_code == 200
    return False


async def _all_known(client: httpx.AsyncClient) -> bool:
    return len((await client.get("/v1/workers")).json()["items"]) == WORKERS


async def _until(condition: Any, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", type=int, default=30_000)
    parser.add_argument("--outstanding", type=int, default=1_024)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--product-only", action="store_true", help="leave the bare loops out")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with fresh_servers() as servers:
        report = uvloop.run(measure(servers, options))
    report.show(as_json=options.json)


if __name__ == "__main__":
    main()
