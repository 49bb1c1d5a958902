"""What servicekit's bus costs: BatchConsumer with marks beside a bare loop, and the outbox, in one process each.

    python -m tests.load.bus_baseline [--events 100000] [--rounds 3] [--json]

Both loops validate by Pydantic and COPY into the same unindexed table. The bare one is plain nats-py with two pull
requests outstanding; it checks nothing, marks nothing, and knows no failure. Messages wait in the stream before the
clock starts; the loops take turns, and medians are shown: of the wall clock, and of the process's own CPU, which says
more on a busy machine.
"""

import argparse
import asyncio
import gc
import time
from collections import deque
from contextlib import suppress
from functools import partial
from statistics import median

import asyncpg
import nats
import orjson
import uvloop
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts.batches import EVENT_BATCH, Batch
from contracts.events import Event
from contracts.streams import TELEMETRY
from servicekit.bus import (
    BatchConsumer,
    Bus,
    DeadLetters,
    Outgoing,
    Received,
    declare_streams,
    foreign_event,
    publish_batches,
)
from servicekit.inbox import claim
from servicekit.lifecycle import GC_THRESHOLD
from servicekit.outbox import OutboxRelay, append
from servicekit.pg import Database as Pg
from servicekit.settings import ServiceSettings
from tests.load.ingest import make_messages
from tests.load.measuring import Report, Servers, fresh_servers
from tests.support.buskit import SCHEMA, make_tables
from tests.support.waiting import eventually

DURABLE, BARE = "telemetry-ingest", "analytics-query"
PULL = 500
TABLE = "CREATE TABLE line (event_id text, worker_id text, task_id text, attempt int, seq bigint, body bytea)"
IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM outbox) AND NOT EXISTS (SELECT FROM outbox_sealed)"
GATHERING = 1_000
COLUMNS = ("event_id", "worker_id", "task_id", "attempt", "seq", "body")
RELAYED = "event.task.queued"
PATIENCE_S = 120.0


def rows(batches: list[Batch[Event]]) -> list[tuple[object, ...]]:
    """What is copied, the same for both."""
    return [
        (e.event_id, e.worker_id, e.task_id, e.attempt, e.seq, e.body.to_json()) for one in batches for e in one.events
    ]


class BareLoop:
    """Pull, validate, COPY, acknowledge."""

    def __init__(self, nc: Client, db: Pg) -> None:
        self._nc = nc
        self._db = db
        self._inbox = nc.new_inbox()
        self._waiting: deque[Msg] = deque()
        self._came = asyncio.Event()
        self._asked = 0

    async def run(self, messages: int) -> None:
        """Until so many messages are done."""
        subscription = await self._nc.subscribe(self._inbox, cb=self._note)
        done = 0
        async with self._db.acquire() as connection:
            while done < messages:
                await self._ask()
                gathered, batches = await self._gather()
                await connection.copy_records_to_table("line", records=rows(batches), columns=COLUMNS)
                for message in gathered:
                    await self._nc.publish(message.reply)
                done += len(gathered)
        await subscription.unsubscribe()

    async def _note(self, message: Msg) -> None:
        if message.reply:
            self._asked -= 1
            self._waiting.append(message)
            self._came.set()

    async def _ask(self) -> None:
        while self._asked + len(self._waiting) <= PULL:
            request = orjson.dumps({"batch": PULL, "expires": 30_000_000_000})
            await self._nc.publish(f"$JS.API.CONSUMER.MSG.NEXT.{TELEMETRY}.{BARE}", request, self._inbox)
            self._asked += PULL

    async def _gather(self) -> tuple[list[Msg], list[Batch[Event]]]:
        if not self._waiting:
            self._came.clear()
            await self._came.wait()
        gathered: list[Msg] = []
        batches: list[Batch[Event]] = []
        events = 0
        while self._waiting and events < GATHERING:
            gathered.append(self._waiting.popleft())
            batches.append(EVENT_BATCH.validate_json(gathered[-1].data))
            events += len(batches[-1].events)
        return gathered, batches


async def product(bus: Bus, db: Pg, messages: int) -> None:
    """The same with BatchConsumer, the check of the sender, and the marks."""
    done = 0
    finished = asyncio.Event()

    async def handle(received: list[Received[Batch[Event]]]) -> None:
        nonlocal done
        async with db.transaction() as connection:
            fresh = await claim(connection, DURABLE, received)
            await connection.copy_records_to_table("line", records=rows([one.batch for one in fresh]), columns=COLUMNS)
        done += len(received)
        if done >= messages:
            finished.set()

    consumer = BatchConsumer(
        bus, TELEMETRY, DURABLE, EVENT_BATCH, handle, DeadLetters(db.pool, "test"), validate=foreign_event
    )
    running = asyncio.create_task(consumer.run())
    await finished.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def consume(plain: Client, bus: Bus, db: Pg, events: int, size: int, rounds: int, report: Report) -> None:
    """Fill the stream, and let first one loop, then the other, empty it; once more for each round."""
    loops = {"bare": BareLoop(plain, db).run, "product": partial(product, bus, db)}
    wall: dict[str, list[float]] = {name: [] for name in loops}
    cpu: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(rounds):
        messages = make_messages(events, size, f"spool-{size}-{number}")
        assert all(await publish_batches(bus, messages))
        for name, loop in loops.items():
            await db.pool.execute("DELETE FROM line")
            began, cpu_began = time.perf_counter(), time.process_time()
            async with asyncio.timeout(PATIENCE_S):
                await loop(len(messages))
            wall[name].append(events / (time.perf_counter() - began))
            cpu[name].append((time.process_time() - cpu_began) * 1e6 / events)
            assert await db.pool.fetchval("SELECT count(*) FROM line") == events
    report.add(f"consumed, batches of {size}", "events/s", median(wall["product"]), median(wall["bare"]))
    mine, bare = median(cpu["product"]), median(cpu["bare"])
    report.add(f"CPU, batches of {size}", "us/event", mine, bare, higher_is_better=False)


async def relay(bus: Bus, db: Pg, count: int, items: int, report: Report) -> None:
    """Drain an outbox of rows of so many items; its baseline is publishing alone."""
    item = b'{"kind":"task.queued","task_id":"task-1","text":"' + b"x" * 300 + b'"}'
    async with db.transaction() as connection:
        for _ in range(count):
            await append(connection, RELAYED, [item] * items)
    body = b'{"producer":"p","batch":1,"events":[' + b",".join([item] * items) + b"]}"
    began = time.perf_counter()
    assert all(await publish_batches(bus, [Outgoing(RELAYED, f"alone-{items}-{n}", body) for n in range(count)]))
    alone = count * items / (time.perf_counter() - began)
    began = time.perf_counter()
    running = asyncio.create_task(OutboxRelay(db, bus, f"load-{items}").run())
    await eventually(lambda: db.pool.fetchval(IS_EMPTY), within=PATIENCE_S)
    relayed = count * items / (time.perf_counter() - began)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    report.add(f"outbox, rows of {items}", "items/s", relayed, alone)


async def measure(servers: Servers, events: int, rounds: int, report: Report) -> None:
    """All figures."""
    settings = ServiceSettings.model_validate({k.lower(): v for k, v in servers.env(SCHEMA).items()})
    await make_tables(servers.database)
    owner = await asyncpg.connect(servers.database.dsn(SCHEMA, owner=True))
    await owner.execute(TABLE)
    await owner.close()
    db = await Pg.connect(settings, SCHEMA)
    bus = await Bus.connect(settings, "load")
    plain = await nats.connect(f"nats://{settings.nats_host}:{settings.nats_port}")
    await declare_streams(bus.js)
    await bus.js.delete_consumer(TELEMETRY, "orchestrator")
    for size in (100, 10, 1):
        await consume(plain, bus, db, events if size > 1 else events // 4, size, rounds, report)
    await relay(bus, db, 20_000, 1, report)
    await relay(bus, db, 5_000, 20, report)
    await plain.close()
    await bus.drain()
    await db.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    report = Report("servicekit's bus, one process on the same servers")
    with fresh_servers() as servers:
        # As servicekit.lifecycle does for every service; it serves both loops.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        uvloop.run(measure(servers, arguments.events, arguments.rounds, report))
    report.show(as_json=arguments.json)


if __name__ == "__main__":
    main()
