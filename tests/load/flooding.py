"""How late events of honest workers become durable beside one that floods the bus, and without that one.

    python -m tests.load.flooding [--seconds 8] [--events 200000] [--json]

Three honest workers send ten batches of five events a second each. The flooding one publishes its events in batches of
100 as fast as the broker takes them, which is faster than telemetry-ingest writes. Latency is from publishing to the
commit.
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime

from contracts.batches import Batch
from contracts.events import StreamEvent
from servicekit.bus import Bus, Outgoing, publish_batches
from servicekit.ids import new_event_id
from tests.load import ingest
from tests.load.measuring import Report, Servers, fresh_servers, percentiles

HONEST = ("w-1", "w-2", "w-3")
FLOODING = "w-flood"
A_SECOND, EVENTS = 10, 5
WINDOW = 64
LATENCIES = """
    SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - occurred_at)::float8 * 1000 AS ms
    FROM events WHERE worker_id <> 'w-flood' AND occurred_at >= $1
"""


async def latency(servers: Servers, bus: Bus, seconds: float, flood: list[Outgoing]) -> list[float]:
    """Milliseconds of each event of the honest workers, while the flood is published as fast as the broker takes it."""
    await ingest.empty(servers, bus, ingest.PRODUCT)
    async with ingest.consumer(servers, ingest.PRODUCT):
        await _honest(bus, ingest.WARM_UP_S)
        await ingest.drained(bus, ingest.PRODUCT[1])
        begun = datetime.now(UTC)  # noqa: TID251
        flooding = asyncio.create_task(_publish(bus, flood))
        await _honest(bus, seconds)
        await flooding
        await ingest.drained(bus, ingest.PRODUCT[1])
    async with ingest.connected_to(servers) as connection:
        return [row["ms"] for row in await connection.fetch(LATENCIES, begun)]


async def _honest(bus: Bus, seconds: float) -> None:
    producer, started, number = f"honest-{new_event_id()}", time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        number += 1
        await publish_batches(bus, [_message(f"{producer}-{worker}", worker, number, EVENTS) for worker in HONEST])
        await asyncio.sleep(max(0.0, number / A_SECOND - (time.perf_counter() - started)))


async def _publish(bus: Bus, messages: list[Outgoing]) -> None:
    for first in range(0, len(messages), WINDOW):
        assert all(await publish_batches(bus, messages[first : first + WINDOW]))


def _flood(events: int) -> list[Outgoing]:
    """Made beforehand: to make it takes longer than to publish it, and would hold up the honest workers here."""
    producer = f"flood-{new_event_id()}"
    return [_message(producer, FLOODING, number + 1, 100) for number in range(events // 100)]


def _message(producer: str, worker_id: str, number: int, size: int) -> Outgoing:
    now, task = datetime.now(UTC), f"task-{worker_id}"  # noqa: TID251
    events = [_line(worker_id, task, now, seq) for seq in range(size)]
    batch = Batch[StreamEvent](producer=producer, batch=number, events=events)
    return Outgoing(f"worker.stream.{worker_id}.{task}", batch.message_id, batch.to_json())


def _line(worker_id: str, task: str, now: datetime, seq: int) -> StreamEvent:
    body = {"stream_type": "thinking", "content": ingest.CONTENT}
    about = {"event_id": new_event_id(), "worker_id": worker_id, "task_id": task, "attempt": 1, "seq": seq}
    return StreamEvent.model_validate(about | {"occurred_at": now, "body": body})


async def measure(servers: Servers, seconds: float, events: int) -> Report:
    """Both in one run."""
    report = Report("honest workers beside a flood (`product`), and without it (`bare loop`)")
    async with ingest.bus_of(servers) as bus:
        await ingest.prepare(servers, bus)
        calm = percentiles(await latency(servers, bus, seconds, []))
        flooded = percentiles(await latency(servers, bus, seconds, _flood(events)))
    for name in ("p50", "p99"):
        report.add(f"{name} of honest events", "ms", flooded[name], calm[name], higher_is_better=False)
    return report


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long the honest ones send")
    parser.add_argument("--events", type=int, default=200_000, help="events of the flood")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with fresh_servers() as servers:
        report = asyncio.run(measure(servers, options.seconds, options.events))
    report.show(as_json=options.json)


if __name__ == "__main__":
    main()
