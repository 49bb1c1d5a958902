"""A stream that is full refuses what is new: producers keep it, and all of it arrives once there is room."""

from typing import Any

from contracts import streams
from servicekit.bus import declare_streams, publish_batches
from tests.support.buskit import a_bus, batch, connected, event_ids, outgoing, running
from tests.support.consuming import Handler, alone, consumer, settled
from tests.support.orchestrating import orchestra
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

ROOM = 64 * 1024
LONG = "x" * 4_000
TASKS = 40


async def test_a_full_interest_stream_refuses_and_nothing_of_what_was_refused_is_lost(
    database: Database, nats_server: TestNats
) -> None:
    async with connected(database) as db, a_bus(nats_server) as bus:
        await declare_streams(bus.js, max_bytes=ROOM)
        await alone(bus, "telemetry-ingest")
        sent = [batch(number, size=20) for number in range(1, 101)]
        waiting = [outgoing(one) for one in sent]
        stored = await publish_batches(bus, waiting)
        assert any(stored)
        waiting = [message for message, is_stored in zip(waiting, stored, strict=True) if not is_stored]
        assert waiting, "the stream has room for all: the test shows nothing"
        info = await bus.js.stream_info(streams.TELEMETRY)
        assert info.state.bytes <= ROOM
        handler = Handler(db)
        async with running(consumer(bus, db, handler).run()):
            while waiting:
                await eventually(lambda: settled(bus))
                stored = await publish_batches(bus, waiting)
                assert any(stored)
                waiting = [message for message, is_stored in zip(waiting, stored, strict=True) if not is_stored]
            await eventually(lambda: settled(bus))
        assert sorted(await handler.applied()) == sorted(event_ids(sent))


async def test_assignments_that_a_full_work_queue_refuses_come_when_there_is_room(
    database: Database, nats_server: TestNats
) -> None:
    async with orchestra(database, nats_server, nats_stream_max_bytes=ROOM, watch_tick_ms=50) as o:
        worker = await o.worker(slots=TASKS)
        async with worker.alive() as named:
            made = [(await o.create(f"{number} {LONG}")).task_id for number in range(TASKS)]

            async def all_assigned() -> bool:
                rows = await o.sql("SELECT count(*) FROM attempts")
                return rows[0][0] == TASKS

            await eventually(all_assigned)

            async def full() -> Any:
                unpublished = await o.sql("SELECT task_id FROM attempts WHERE published_at IS NULL")
                stream = await o.bus.js.stream_info(streams.TASKS)
                return 0 < stream.state.messages < TASKS and len(unpublished) > 0

            await eventually(full)
            for _ in range(TASKS):
                named.append(await worker.take(within=30))
        assert sorted(one.task_id for one in named) == sorted(made)
        assert {one.attempt for one in named} == {1}
