"""A stolen worker credential floods the bus: what it can fill refuses, and nothing that others said is discarded."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from contracts import streams, subjects
from contracts.batches import Batch
from contracts.events import EventBase
from devstack.bus.claims import WORKER_LIMITS, WORKER_PAYLOAD_BYTES
from servicekit.bus import Bus, Outgoing, declare_streams, publish_batches
from servicekit.bus.objects import Objects, ObjectsAway
from telemetry_ingest import app
from telemetry_ingest.settings import Settings
from tests.support.confined import ConfinedNats, confined_nats, raw_client, service_bus, worker_bus
from tests.support.consuming import alone
from tests.support.examples import MINIMAL
from tests.support.producer import Producer, settled
from tests.support.running import running_service
from tests.support.stack import Database
from tests.support.waiting import eventually

THIEF, HONEST = "worker-thief", "worker-honest"
ROOM, PART = 8 * 1024 * 1024, 1024 * 1024
LINE = {"stream_type": "output", "content": "x" * 10_000}
AT_ONCE, LINES, REPORTS = 16, 20, 30


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ConfinedNats]:
    made = confined_nats(tmp_path)
    yield made
    made.server.stop()


class Thief:
    """Sends as much as the broker takes, each batch under a task of its own."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._make = Producer(bus).make
        self._numbers = count(1)
        self.acknowledged: list[EventBase] = []
        self.caught = False

    async def is_refused(self) -> bool:
        """Publish a few batches; whether the broker has refused one."""
        sealed = [self._sealed(next(self._numbers)) for _ in range(AT_ONCE)]
        messages = [Outgoing(f"worker.stream.{THIEF}.task-{b.batch}", b.message_id, b.to_json()) for b in sealed]
        stored = await publish_batches(self._bus, messages)
        taken = [batch for batch, is_stored in zip(sealed, stored, strict=True) if is_stored]
        self.acknowledged += [event for batch in taken for event in batch.events]
        return not all(stored)

    async def flood_on(self) -> None:
        """The same until it is caught."""
        while not self.caught:
            await self.is_refused()

    def _sealed(self, number: int) -> Batch[Any]:
        events = [self._make("stream", LINE, worker_id=THIEF, task_id=f"task-{number}") for _ in range(LINES)]
        return Batch[Any](producer="stolen", batch=number, events=events)


async def test_a_flood_fills_its_stream_and_nothing_of_others_is_discarded(
    broker: ConfinedNats, database: Database
) -> None:
    ingest = broker.settings(broker.service(app.SERVICE), nats_declares=False).model_dump(exclude_unset=True)
    env = {name.lower(): value for name, value in database.env(app.SCHEMA).items()}
    async with (
        service_bus(broker, "watcher", broker.watcher()) as watcher,
        worker_bus(broker, THIEF, broker.worker(THIEF)) as stolen,
        worker_bus(broker, HONEST, broker.worker(HONEST)) as bus,
    ):
        await declare_streams(watcher.js, max_bytes=ROOM)
        await alone(watcher, app.SERVICE)
        thief, honest = Thief(stolen), Producer(bus)
        early = report(honest)
        await honest.send(early)
        await eventually(thief.is_refused)
        state = (await watcher.js.stream_info(streams.TELEMETRY)).state
        assert (state.first_seq, state.messages) == (1, 1 + len(thief.acknowledged) // LINES)
        # It has filled its own stream: tasks, commands and decisions have others.
        others = [subjects.task(HONEST), subjects.command(HONEST), "event.task.queued"]
        assert all(await publish_batches(watcher, [Outgoing(subject, subject, b"{}") for subject in others]))

        taken = len(thief.acknowledged)
        late = [report(honest) for _ in range(REPORTS)]
        flooding = asyncio.create_task(thief.flood_on())
        async with running_service(app.create_app, Settings.model_validate(ingest | env), app.MIGRATIONS, app.SCHEMA):
            for one in late:
                await honest.send(one)
            await eventually(lambda: len(thief.acknowledged) > taken)
            thief.caught = True
            await flooding
            await settled(watcher, streams.TELEMETRY, app.SERVICE)
        wanted = Counter(event.event_id for event in [early, *late, *thief.acknowledged])
        assert await recorded(database) == wanted


async def test_a_flood_fills_its_bucket_and_nothing_of_others_is_discarded(broker: ConfinedNats) -> None:
    async with (
        service_bus(broker, "watcher", broker.watcher()) as watcher,
        worker_bus(broker, THIEF, broker.worker(THIEF)) as stolen,
        worker_bus(broker, HONEST, broker.worker(HONEST)) as bus,
    ):
        await declare_streams(watcher.js, max_bytes=ROOM)
        await Objects(bus).put(streams.ARTIFACTS, HONEST, "early", b"kept", "text/plain")
        with pytest.raises(ObjectsAway):
            await fill(stolen)
        assert await Objects(bus).get(streams.ARTIFACTS, HONEST, "early") == b"kept"
        await Objects(bus).put(streams.CHECKPOINTS, HONEST, "late", b"kept", "text/plain")
        assert await Objects(bus).get(streams.CHECKPOINTS, HONEST, "late") == b"kept"


async def test_a_message_larger_than_any_of_a_workers_ends_its_connection(broker: ConfinedNats) -> None:
    async with raw_client(broker, broker.worker(THIEF), subjects.worker_inbox(THIEF)) as thief:
        # A client that minds what the server says would not send it.
        thief.nc._max_payload = 2 * WORKER_PAYLOAD_BYTES  # pyright: ignore[reportPrivateUsage]
        await thief.nc.publish(f"worker.plan.{THIEF}", b"x" * (WORKER_PAYLOAD_BYTES + 1))
        await eventually(lambda: [one for one in thief.refused if "maximum payload" in one.lower()])


async def test_subscriptions_without_end_are_refused(broker: ConfinedNats) -> None:
    async with raw_client(broker, broker.worker(THIEF), subjects.worker_inbox(THIEF)) as thief:
        for number in range(WORKER_LIMITS.subscriptions):
            assert await thief.refusals_of_subscribing(f"{subjects.worker_inbox(THIEF)}.{number}") == []
        await thief.nc.subscribe(f"{subjects.worker_inbox(THIEF)}.more")
        await eventually(lambda: [one for one in thief.refused if "maximum subscriptions" in one.lower()])


def report(honest: Producer) -> EventBase:
    return honest.make("progress", MINIMAL["progress"], worker_id=HONEST, task_id="task-1")


async def fill(stolen: Bus) -> None:
    for number in range(2 * ROOM // PART):
        await Objects(stolen).put(streams.ARTIFACTS, THIEF, f"{number}", b"x" * PART, "text/plain")


async def recorded(database: Database) -> Counter[str]:
    """How often each event is in the log."""
    connection = await asyncpg.connect(database.dsn("telemetry"))
    try:
        return Counter(str(row["event_id"]) for row in await connection.fetch("SELECT event_id FROM events"))
    finally:
        await connection.close()
