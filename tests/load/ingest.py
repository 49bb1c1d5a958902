"""Durable events a second, and their latency, of telemetry-ingest beside the raw loop on the same servers.

    python -m tests.load.ingest [--events 300000] [--json]

Throughput: all messages wait in the stream, then one consumer process drains them; the time is that between the first
and the last commit, as PostgreSQL tells it. Latency: events come at a fixed rate of half the slower consumer's
throughput; it is the time from publishing to the commit that made the event durable. The raw loop does nothing but
fetch, validate by Pydantic, COPY into a table with the same partitions and indexes, LPUSH the tail, and acknowledge.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg

from contracts import streams
from contracts.batches import Batch
from contracts.events import StreamEvent
from servicekit.bus import Bus, Outgoing, declare_streams, publish_batches
from servicekit.ids import new_event_id
from servicekit.settings import ServiceSettings
from tests.load.measuring import Report, Servers, fresh_servers, percentiles

TASKS = 50
LINE = "Considering how refresh tokens rotate, what a stolen one is worth, and which clients must store the new one. "
CONTENT = (LINE * 2)[:180]
FIRST_AND_LAST = """
    SELECT count(*), extract(epoch FROM max(at) - min(at))::float8
    FROM (SELECT pg_xact_commit_timestamp(xmin) AS at FROM {table}) AS commits
"""
FIRST_COMMIT = """
    SELECT count(*) FROM {table} WHERE pg_xact_commit_timestamp(xmin)
        = (SELECT min(pg_xact_commit_timestamp(xmin)) FROM {table})
"""
LATENCIES = """
    SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - occurred_at)::float8 * 1000 AS ms
    FROM {table} WHERE occurred_at >= $1
"""
WARM_UP_S = 1.0
PRODUCT = ("events", "telemetry-ingest", [sys.executable, "-m", "telemetry_ingest", "serve"])
BARE = ("bare_events", "bare", [sys.executable, "-m", "tests.load.bare_ingest"])
Contender = tuple[str, str, list[str]]


def make_messages(events: int, size: int, producer: str) -> list[Outgoing]:
    """Sealed batches of stream lines of TASKS tasks."""
    now = datetime.now(UTC)  # noqa: TID251
    messages: list[Outgoing] = []
    for number in range(1, events // size + 1):
        task = f"task-{number % TASKS}"
        batch = Batch[StreamEvent](producer=producer, batch=number, events=[_line(task, now, n) for n in range(size)])
        messages.append(Outgoing(f"worker.stream.worker-1.{task}", batch.message_id, batch.to_json()))
    return messages


def _line(task: str, now: datetime, seq: int) -> StreamEvent:
    body = {"stream_type": "thinking", "content": CONTENT}
    return StreamEvent.model_validate(
        {"event_id": new_event_id(), "worker_id": "worker-1", "task_id": task, "attempt": 1, "seq": seq}
        | {"occurred_at": now, "body": body}
    )


async def throughput(servers: Servers, bus: Bus, contender: Contender, events: int, size: int) -> float:
    """Durable events a second of one contender that drains a full stream."""
    table, durable, _ = contender
    await empty(servers, bus, contender)
    messages = make_messages(events, size, f"load-{new_event_id()}")
    for start in range(0, len(messages), 2_000):
        assert all(await publish_batches(bus, messages[start : start + 2_000]))
    async with consumer(servers, contender):
        await drained(bus, durable)
    total, seconds = await _one(servers, FIRST_AND_LAST.format(table=table))
    (first,) = await _one(servers, FIRST_COMMIT.format(table=table))
    return (total - first) / seconds


async def latency(
    servers: Servers, bus: Bus, contender: Contender, rate: float, size: int, seconds: float
) -> list[float]:
    """Milliseconds from publishing to durable, of each event, at a fixed rate of events a second."""
    table, durable, _ = contender
    await empty(servers, bus, contender)
    async with consumer(servers, contender):
        await _pace(bus, rate, size, WARM_UP_S)
        await drained(bus, durable)
        warm = datetime.now(UTC)  # noqa: TID251
        await _pace(bus, rate, size, seconds)
        await drained(bus, durable)
    async with connected_to(servers) as connection:
        return [row["ms"] for row in await connection.fetch(LATENCIES.format(table=table), warm)]


async def _pace(bus: Bus, rate: float, size: int, seconds: float) -> None:
    producer, number, started = f"pace-{new_event_id()}", 0, time.perf_counter()
    tasks: set[asyncio.Task[list[bool]]] = set()
    while (elapsed := time.perf_counter() - started) < seconds:
        due = int(elapsed * rate / size) - number
        if due > 0:
            batch = [_now(producer, number + n + 1, size) for n in range(due)]
            number += due
            tasks.add(asyncio.create_task(publish_batches(bus, batch)))
        await asyncio.sleep(0.001)
    assert all(all(stored) for stored in await asyncio.gather(*tasks))


def _now(producer: str, number: int, size: int) -> Outgoing:
    task = f"task-{number % TASKS}"
    now = datetime.now(UTC)  # noqa: TID251
    batch = Batch[StreamEvent](producer=producer, batch=number, events=[_line(task, now, n) for n in range(size)])
    return Outgoing(f"worker.stream.worker-1.{task}", batch.message_id, batch.to_json())


async def empty(servers: Servers, bus: Bus, contender: Contender) -> None:
    table, _, _ = contender
    async with connected_to(servers) as connection:
        await connection.execute(f"TRUNCATE {table}")
    await bus.js.purge_stream(streams.TELEMETRY)


@asynccontextmanager
async def consumer(servers: Servers, contender: Contender) -> AsyncGenerator[None]:
    _, _, command = contender
    env = servers.env("telemetry") | {"HTTP_PORT": "0", "BARE_DSN": servers.database.dsn("telemetry", owner=True)}
    process = await asyncio.create_subprocess_exec(*command, env=env)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def drained(bus: Bus, durable: str) -> None:
    while True:
        info = await bus.js.consumer_info(streams.TELEMETRY, durable)
        if info.num_pending == 0 and info.num_ack_pending == 0:
            return
        await asyncio.sleep(0.1)


async def _one(servers: Servers, sql: str) -> asyncpg.Record:
    async with connected_to(servers) as connection:
        row = await connection.fetchrow(sql)
        assert row is not None
        return row


@asynccontextmanager
async def connected_to(servers: Servers) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(servers.database.dsn("telemetry", owner=True))
    try:
        yield connection
    finally:
        await connection.close()


async def measure(servers: Servers, events: int, seconds: float, rounds: int) -> Report:
    """All figures of one run: the median of `rounds` alternating rounds for each."""
    report = Report("telemetry-ingest beside the raw loop (one consumer process)")
    async with bus_of(servers) as bus:
        await prepare(servers, bus)
        for size, share in ((100, 1.0), (1, 0.2)):
            await _compare(report, servers, bus, int(events * share), size, seconds, rounds)
    return report


async def _compare(
    report: Report, servers: Servers, bus: Bus, events: int, size: int, seconds: float, rounds: int
) -> None:
    rates: dict[str, list[float]] = {PRODUCT[0]: [], BARE[0]: []}
    for _ in range(rounds):
        for contender in (PRODUCT, BARE):
            rates[contender[0]].append(await throughput(servers, bus, contender, events, size))
    product, bare = (statistics.median(rates[contender[0]]) for contender in (PRODUCT, BARE))
    report.add(f"throughput, batches of {size}", "events/s", product, bare)
    rate = min(product, bare) / 2
    figures = [
        percentiles(await latency(servers, bus, contender, rate, size, seconds)) for contender in (PRODUCT, BARE)
    ]
    for name in ("p50", "p99"):
        title = f"{name} at {rate:,.0f}/s, batches of {size}"
        report.add(title, "ms", figures[0][name], figures[1][name], higher_is_better=False)


async def prepare(servers: Servers, bus: Bus) -> None:
    env = servers.env("telemetry")
    migrate = await asyncio.create_subprocess_exec(sys.executable, "-m", "telemetry_ingest", "migrate", env=env)
    assert await migrate.wait() == 0
    await declare_streams(bus.js)
    await bus.js.add_consumer(streams.TELEMETRY, durable_name=BARE[1], ack_policy="explicit", max_ack_pending=100_000)
    async with connected_to(servers) as connection:
        await connection.execute("SELECT ensure_partition(current_date)")
        await connection.execute("CREATE TABLE bare_events (LIKE events INCLUDING ALL) PARTITION BY RANGE (day)")
        await connection.execute("CREATE TABLE bare_events_default PARTITION OF bare_events DEFAULT")


@asynccontextmanager
async def bus_of(servers: Servers) -> AsyncGenerator[Bus]:
    settings = ServiceSettings(nats_host=servers.nats.host, nats_port=servers.nats.port)
    bus = await Bus.connect(settings, "load")
    try:
        yield bus
    finally:
        await bus.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000, help="events drained in a round, in batches of 100")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long latency is measured")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with fresh_servers() as servers:
        report = asyncio.run(measure(servers, options.events, options.seconds, options.rounds))
    report.show(as_json=options.json)


if __name__ == "__main__":
    main()
