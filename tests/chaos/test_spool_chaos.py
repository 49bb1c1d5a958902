"""The spool's promise under fire: the broker away, the worker-agent killed again and again, nothing acknowledged lost.

MEWS_CHAOS_OUTAGE_S, _RATE, _KILLS, _LIFE_S (the longest time between two kills) and _SEED change what is done; by
default the broker is away for 10 s. What happened is printed (`pytest -s`).
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import asyncpg
import httpx
import pytest

from telemetry_ingest import app
from telemetry_ingest.settings import Settings
from tests.conftest import StackEnv
from tests.support.chaos_clients import ReportingClient, library, wire
from tests.support.other_side import OtherSide, declare, other_side
from tests.support.running import running_service
from tests.support.sandbox import SandboxServer, running_sandbox
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, journal_of, mcp_url, worker_process

OUTAGE_S = float(os.environ.get("MEWS_CHAOS_OUTAGE_S", "10"))
RATE = float(os.environ.get("MEWS_CHAOS_RATE", "500"))
KILLS = int(os.environ.get("MEWS_CHAOS_KILLS", "10"))
SEED = int(os.environ.get("MEWS_CHAOS_SEED", "1"))
CONNECTORS = (library, library, wire, wire, wire, wire)
LONGEST_LIFE_S = float(os.environ.get("MEWS_CHAOS_LIFE_S", "3"))
BACK_S = 120.0


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with running_sandbox() as server:
        yield server


@pytest.fixture
async def ingest(stack_env: StackEnv, nats_server: TestNats) -> AsyncGenerator[httpx.AsyncClient]:
    await declare(nats_server)
    settings = Settings.model_validate({name.lower(): value for name, value in stack_env("telemetry").items()})
    async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client:
        yield client


@pytest.fixture
def worker(tmp_path: Path, nats_server: TestNats, sandbox: SandboxServer) -> Iterator[WorkerProcess]:
    # It is killed on purpose, and goes on with the same attempts each time.
    lasting = {"MAX_CONCURRENT_TASKS": str(len(CONNECTORS)), "ATTEMPT_MAX_CRASHES": str(KILLS + 1)}
    with worker_process(tmp_path, nats_server, sandbox, LOG_LEVEL="warning", **lasting) as process:
        yield process


@pytest.mark.timeout(900)
async def test_every_acknowledged_event_is_in_the_log_once_and_in_order(
    ingest: httpx.AsyncClient, worker: WorkerProcess, nats_server: TestNats, database: Database
) -> None:
    await worker.ready()
    async with other_side(nats_server) as side:
        clients = [await _client(side, worker, number) for number in range(len(CONNECTORS))]
    seconds = await _under_fire(clients, worker, nats_server)
    acknowledged = sum(len(client.acknowledged) for client in clients)
    sent = sum(client.sent for client in clients)
    print(f"\n{sent} sent, {acknowledged} acknowledged in {seconds:.0f} s, {acknowledged / seconds:.0f} a second")

    async def is_drained() -> bool:
        return "mews_spool_events 0.0" in await worker.metrics()

    await eventually(is_drained, within=BACK_S)
    last = [(client.name, client.acknowledged[-1]) for client in clients]
    logged = await eventually(lambda: _logged(database, last), within=BACK_S)
    for client in clients:
        _is_kept(client, logged[client.name])
    # So much was under way that the test shows something.
    assert acknowledged > 20 * KILLS


async def _client(side: OtherSide, worker: WorkerProcess, number: int) -> ReportingClient:
    name = f"task-chaos-{number}"
    await side.assign(name, agent="command", command="sleep 3600")

    def token() -> str | None:
        record = journal_of(worker, name)
        return record["token"] if record.get("phase") == "running" else None

    found = await eventually(token, within=30)
    return ReportingClient(name, mcp_url(worker), found, CONNECTORS[number])


async def _under_fire(clients: list[ReportingClient], worker: WorkerProcess, nats: TestNats) -> float:
    """All of it at once; how long it took, in s."""
    loop, random, stopping = asyncio.get_running_loop(), Random(SEED), asyncio.Event()
    begun = loop.time()
    async with AsyncExitStack() as stack:
        reporting = [asyncio.create_task(client.run(len(clients) / RATE, stopping)) for client in clients]
        stack.callback(stopping.set)
        await eventually(lambda: all(client.acknowledged for client in clients), within=30)
        await asyncio.gather(_outage(nats, random.uniform(0.5, 5)), _killing(worker, clients, random))
        await _through_again(clients)
        stopping.set()
        await asyncio.gather(*reporting)
    return loop.time() - begun


async def _outage(nats: TestNats, after_s: float) -> None:
    await asyncio.sleep(after_s)
    await asyncio.to_thread(nats.kill)
    await asyncio.sleep(OUTAGE_S)
    await asyncio.to_thread(nats.start)


async def _killing(worker: WorkerProcess, clients: list[ReportingClient], random: Random) -> None:
    for _ in range(KILLS):
        await asyncio.sleep(random.uniform(0, LONGEST_LIFE_S))
        await asyncio.to_thread(worker.kill)
        worker.start()
        await _through_again(clients)
        print(f"killed once more; {sum(len(client.acknowledged) for client in clients)} acknowledged")


async def _through_again(clients: list[ReportingClient]) -> None:
    before = [len(client.acknowledged) for client in clients]
    await eventually(lambda: all(len(c.acknowledged) > n for c, n in zip(clients, before, strict=True)), BACK_S)


async def _logged(database: Database, last: list[tuple[str, int]]) -> dict[str, list[int]] | None:
    """The numbers in the log, by client and in order of `seq`, once the last acknowledged ones are there."""
    connection = await asyncpg.connect(database.dsn("telemetry"))
    try:
        rows = await connection.fetch(
            "SELECT task_id, body->>'content' AS content FROM events"
            " WHERE kind = 'stream' AND evidence = 'reported' ORDER BY task_id, seq"
        )
    finally:
        await connection.close()
    logged: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        name, number = row["content"].split()
        assert name == row["task_id"]
        logged[name].append(int(number))
    return logged if all(number in logged[name] for name, number in last) else None


def _is_kept(client: ReportingClient, logged: list[int]) -> None:
    assert sorted(set(logged)) == logged, "out of order, or more than once"
    assert set(client.acknowledged) <= set(logged), "lost"
    assert set(logged) <= set(range(1, client.sent + 1)), "from nowhere"
