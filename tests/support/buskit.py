"""What tests of the bus need: settings for real servers, servicekit's tables, and batches of events."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg

from contracts import subjects
from contracts.batches import Batch
from contracts.events import Event, ProgressEvent
from servicekit.bus import Bus, Outgoing
from servicekit.bus.deadletters import DEAD_LETTER_DDL, DEAD_LETTER_LATER_DDL, DEAD_LETTER_STATE_DDL
from servicekit.ids import new_event_id
from servicekit.inbox import INBOX_DDL
from servicekit.leader import LEADER_DDL
from servicekit.outbox import OUTBOX_DDL
from servicekit.pg import Database as Pg
from servicekit.settings import ServiceSettings
from tests.support.stack import Database, TestNats

SCHEMA = "orchestrator"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
# What a handler writes, so that a test can see which events took effect, and how often.
EFFECT_DDL = ("CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, event_id text NOT NULL, attempt integer)",)
KEPT_DDL = (*DEAD_LETTER_DDL, *DEAD_LETTER_STATE_DDL, *DEAD_LETTER_LATER_DDL)
ALL_DDL = (*OUTBOX_DDL, *INBOX_DDL, *KEPT_DDL, *LEADER_DDL, *EFFECT_DDL)


def settings_of(*servers: Database | TestNats, **more: object) -> ServiceSettings:
    """Settings that point at these servers."""
    values: dict[str, object] = {}
    for server in servers:
        env = server.env(SCHEMA) if isinstance(server, Database) else server.env()
        values |= {name.lower(): value for name, value in env.items()}
    return ServiceSettings.model_validate(values | more)


async def make_tables(database: Database) -> None:
    """Make all of servicekit's tables, as the migrations of a service would."""
    owner = await asyncpg.connect(database.dsn(SCHEMA, owner=True))
    try:
        for statement in ALL_DDL:
            await owner.execute(statement)
    finally:
        await owner.close()


@asynccontextmanager
async def connected(database: Database, **more: object) -> AsyncGenerator[Pg]:
    """A pool on a database that has the tables."""
    await make_tables(database)
    async with a_pool(database, **more) as db:
        yield db


@asynccontextmanager
async def a_pool(database: Database, **more: object) -> AsyncGenerator[Pg]:
    """A pool, as another process has one."""
    db = await Pg.connect(settings_of(database, **more), SCHEMA)
    try:
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def a_bus(nats: TestNats, **more: object) -> AsyncGenerator[Bus]:
    """A connection to the broker."""
    bus = await Bus.connect(settings_of(nats, **more), "test")
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def running(*works: Coroutine[Any, Any, None]) -> AsyncGenerator[list[asyncio.Task[None]]]:
    """Loops that run meanwhile, and are cancelled at the end."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            await cancel(task)


async def cancel(task: asyncio.Task[None]) -> None:
    """Cancel a loop, wait for its end, and raise what it raised."""
    while not task.done():
        # asyncio.wait_for of Python 3.11 swallows a cancellation that comes together with its result.
        task.cancel()
        await asyncio.wait({task}, timeout=1)
    if not task.cancelled():
        await task


def progress(worker_id: str = "w1", task_id: str = "task-1") -> Event:
    """An event of a worker."""
    return ProgressEvent.model_validate(
        {
            "event_id": new_event_id(),
            "worker_id": worker_id,
            "task_id": task_id,
            "attempt": 1,
            "occurred_at": NOW,
            "body": {"task_id": task_id, "status": "executing"},
        }
    )


def batch(number: int, *, producer: str = "spool", worker_id: str = "w1", size: int = 1) -> Batch[Event]:
    """A sealed batch of progress events."""
    return Batch[Event](producer=producer, batch=number, events=[progress(worker_id) for _ in range(size)])


def outgoing(sealed: Batch[Event]) -> Outgoing:
    """The message that carries a batch."""
    first = sealed.events[0]
    subject = subjects.for_event(first.kind, first.worker_id, first.task_id)
    return Outgoing(subject, sealed.message_id, sealed.to_json())


def event_ids(batches: Iterable[Batch[Event]]) -> list[str]:
    """All events' ids, in order."""
    return [event.event_id for one in batches for event in one.events]
