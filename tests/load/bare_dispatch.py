"""The least that a durable dispatch can do: insert a row, publish, pull, say that it is done, update the row.

Row by row, and in groups. Nothing is validated, chosen, fenced, leased or told.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
from nats.js.api import RetentionPolicy

from servicekit.bus import BatchConsumer, Bus, Outgoing, Received, publish_batches
from servicekit.ids import new_id
from tests.load.measuring import Servers

OWNER_DDL = """
    CREATE TABLE IF NOT EXISTS bare_tasks (
        task_id text PRIMARY KEY, description text NOT NULL, status text NOT NULL, created_at timestamptz NOT NULL,
        completed_at timestamptz
    )
"""
INSERT = "INSERT INTO bare_tasks VALUES ($1, $2, 'queued', $3)"
INSERT_MANY = """
    INSERT INTO bare_tasks SELECT task_id, $2, 'queued', $3 FROM unnest($1::text[]) AS new(task_id)
"""
UPDATE = "UPDATE bare_tasks SET status = 'completed', completed_at = $2 WHERE task_id = $1"
UPDATE_MANY = "UPDATE bare_tasks SET status = 'completed', completed_at = $2 WHERE task_id = ANY($1::text[])"

Done = Callable[[Sequence[str]], None]
Submit = Callable[[str], Awaitable[None]]


class Raw:
    """JSON and no more, where a contract would be validated."""

    validate_json = staticmethod(orjson.loads)


class NoLetters:
    """There are none."""

    def attend(self, *_: Any) -> None:
        """Nothing is tried again."""

    async def record(self, *message: Any, **more: Any) -> None:
        """Never called."""
        raise AssertionError(f"a dead letter: {message} {more}")


class Grouped:
    """Does with all items of one moment at once what `work` does."""

    def __init__(self, work: Callable[[list[str]], Awaitable[None]]) -> None:
        self._work = work
        self._items: list[tuple[str, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def add(self, item: str) -> None:
        """Return when it is done."""
        future = asyncio.get_running_loop().create_future()
        self._items.append((item, future))
        self._wake.set()
        await future

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            items, self._items = self._items, []
            await self._work([item for item, _ in items])
            for _, future in items:
                future.set_result(None)


@asynccontextmanager
async def bare_loop(
    servers: Servers, bus: Bus, *, grouped: bool, outstanding: int
) -> AsyncGenerator[tuple[Submit, Any]]:
    """`submit(task_id)` returns once the task's completion is recorded; also gives the pool, to look at the rows."""
    owner = await asyncpg.connect(servers.database.dsn("orchestrator", owner=True))
    await owner.execute(OWNER_DDL)
    await owner.close()
    await _streams(bus)
    pool = await asyncpg.create_pool(servers.database.dsn("orchestrator"), min_size=2, max_size=16)
    waiting: dict[str, asyncio.Future[None]] = {}

    def done(task_ids: Sequence[str]) -> None:
        for task_id in task_ids:
            waiting.pop(task_id).set_result(None)

    works, insert = (_grouped if grouped else _row_by_row)(bus, pool, done)
    limit = asyncio.Semaphore(outstanding)

    async def submit(task_id: str) -> None:
        async with limit:
            waiting[task_id] = asyncio.get_running_loop().create_future()
            finished = waiting[task_id]
            await insert(task_id)
            await finished

    running = [asyncio.create_task(work) for work in works]
    try:
        yield submit, pool
    finally:
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await pool.close()


async def bare_throughput(servers: Servers, bus: Bus, tasks: int, *, grouped: bool, outstanding: int) -> float:
    """Tasks a second."""
    async with bare_loop(servers, bus, grouped=grouped, outstanding=outstanding) as (submit, _):
        started = time.perf_counter()
        await asyncio.gather(*(submit(new_id("task")) for _ in range(tasks)))
        return tasks / (time.perf_counter() - started)


async def bare_latencies(servers: Servers, bus: Bus, tasks: int, pause_s: float, *, grouped: bool) -> list[float]:
    """From the call to the commit of the completion, in ms, one at a time."""
    sent: dict[str, datetime] = {}
    async with bare_loop(servers, bus, grouped=grouped, outstanding=64) as (submit, pool):
        for _ in range(tasks):
            task_id = new_id("task")
            sent[task_id] = datetime.now(UTC)  # noqa: TID251
            await submit(task_id)
            await asyncio.sleep(pause_s)
        rows = await pool.fetch(
            "SELECT task_id, pg_xact_commit_timestamp(xmin) AS at FROM bare_tasks WHERE task_id = ANY($1)", list(sent)
        )
    return [(row["at"] - sent[row["task_id"]]).total_seconds() * 1000 for row in rows]


async def _streams(bus: Bus) -> None:
    for name in ("BARE_TASKS", "BARE_DONE"):
        await bus.js.add_stream(name=name, subjects=[name.lower()], retention=RetentionPolicy.WORK_QUEUE)
        await bus.js.pull_subscribe(name.lower(), durable=name, stream=name)


def _row_by_row(bus: Bus, pool: Any, done: Done) -> tuple[list[Any], Submit]:
    async def insert(task_id: str) -> None:
        await pool.execute(INSERT, task_id, "do it", _now())
        await bus.js.publish("bare_tasks", _body(task_id), headers={"Nats-Msg-Id": f"{task_id}.1"})

    async def complete(task_id: str) -> None:
        await bus.js.publish("bare_done", _body(task_id), headers={"Nats-Msg-Id": task_id})

    async def record(task_id: str) -> None:
        await pool.execute(UPDATE, task_id, _now())
        done([task_id])

    return [_each("BARE_TASKS", bus, complete), _each("BARE_DONE", bus, record)], insert


def _grouped(bus: Bus, pool: Any, done: Done) -> tuple[list[Any], Submit]:
    async def insert_all(task_ids: list[str]) -> None:
        await pool.execute(INSERT_MANY, task_ids, "do it", _now())
        asyncio.get_running_loop().create_task(_publish(bus, "bare_tasks", task_ids))

    async def complete(received: list[Received[Any]]) -> None:
        await _publish(bus, "bare_done", [one.batch["task_id"] for one in received])

    async def record(received: list[Received[Any]]) -> None:
        task_ids = [one.batch["task_id"] for one in received]
        await pool.execute(UPDATE_MANY, task_ids, _now())
        done(task_ids)

    group = Grouped(insert_all)
    tasks = BatchConsumer(bus, "BARE_TASKS", "BARE_TASKS", Raw(), complete, NoLetters())  # type: ignore[arg-type]
    ends = BatchConsumer(bus, "BARE_DONE", "BARE_DONE", Raw(), record, NoLetters())  # type: ignore[arg-type]
    return [group.run(), tasks.run(), ends.run()], group.add


async def _each(name: str, bus: Bus, handle: Callable[[str], Awaitable[None]]) -> None:
    """Fetch and handle messages one by one, up to 64 at the same time."""
    subscription = await bus.js.pull_subscribe_bind(name, name)

    async def one(message: Any) -> None:
        await handle(orjson.loads(message.data)["task_id"])
        await message.ack()

    while True:
        with suppress(TimeoutError):
            messages = await subscription.fetch(64, timeout=1)
            await asyncio.gather(*map(one, messages))


async def _publish(bus: Bus, subject: str, task_ids: Sequence[str]) -> None:
    stored = await publish_batches(bus, [Outgoing(subject, task_id, _body(task_id)) for task_id in task_ids])
    assert all(stored)


def _body(task_id: str) -> bytes:
    return orjson.dumps({"task_id": task_id, "attempt": 1, "description": "do it"})


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251
