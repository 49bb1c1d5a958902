"""Streams and durables as the contract has them, on a real broker."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import APIError, NotFoundError

from contracts import subjects
from contracts.streams import BUCKETS, COMMANDS, EVENTS, QUESTIONS, STREAMS, TASKS, TELEMETRY, Durable
from servicekit.bus import (
    Bus,
    Outgoing,
    declare_again,
    declare_streams,
    ensure_worker_consumers,
    keep_declared,
    publish_batches,
)
from tests.support.buskit import a_bus, running, settings_of
from tests.support.stack import TestNats
from tests.support.waiting import eventually


async def durables(bus: Bus) -> set[tuple[str, str]]:
    return {(s.name, info.name) for s in STREAMS for info in await bus.js.consumers_info(s.name)}


async def pending(bus: Bus, stream: str, durable: str, count: int) -> bool:
    """Whether so many messages wait. The broker tells its consumers of a message after it has acknowledged it."""
    return (await bus.js.consumer_info(stream, durable)).num_pending == count


async def test_every_stream_and_durable_of_the_contract_is_there(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        infos = {info.config.name: info.config for info in await bus.js.streams_info()}
        assert set(infos) == {stream.name for stream in STREAMS} | {f"OBJ_{bucket.name}" for bucket in BUCKETS}
        assert await durables(bus) == {(stream.name, d.name) for stream in STREAMS for d in stream.durables}
        for stream in STREAMS:
            config = infos[stream.name]
            assert config.subjects == list(stream.subjects)
            assert (config.retention, config.max_age) == (stream.retention.value, stream.max_age_s or 0)
            assert config.discard == ("old" if stream.max_age_s else "new")
            assert config.duplicate_window >= 120
            assert config.max_msg_size == -1


async def test_declaring_again_changes_nothing(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        sent = bus.nc.stats["out_msgs"]
        created = {name: (await bus.js.consumer_info(*name)).created for name in await durables(bus)}
        before = bus.nc.stats["out_msgs"]
        await declare_streams(bus.js)
        asked = bus.nc.stats["out_msgs"] - before
        assert asked == len(STREAMS) + len(BUCKETS) + len(created)
        assert {name: (await bus.js.consumer_info(*name)).created for name in created} == created
        assert sent > asked


async def test_many_may_declare_at_once(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as one, a_bus(nats_server) as other:
        await asyncio.gather(*(declare_streams(bus.js) for bus in (one, other) * 4))
        assert len(await durables(one)) == sum(len(stream.durables) for stream in STREAMS)
        for stream in STREAMS:
            assert (await one.js.stream_info(stream.name)).config.max_msg_size == -1


async def test_a_changed_declaration_is_carried_out_and_other_settings_stay(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        info = await bus.js.stream_info(TELEMETRY)
        await bus.js.update_stream(replace(info.config, description="the operator's note"))
        await declare_streams(bus.js, max_bytes=50_000_000, compression=True)
        config = (await bus.js.stream_info(TELEMETRY)).config
        assert (config.max_bytes, config.compression, config.description) == (50_000_000, "s2", "the operator's note")


async def test_a_durable_with_an_old_filter_gets_the_declared_one(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        fewer = tuple(
            replace(s, durables=tuple(replace(d, subjects=("worker.plan.*",)) for d in s.durables))
            for s in STREAMS
            if s.name == TELEMETRY
        )
        await declare_streams(bus.js, declared=fewer)
        await declare_streams(bus.js)
        ingest = (await bus.js.consumer_info(TELEMETRY, "telemetry-ingest")).config
        orchestrator = (await bus.js.consumer_info(TELEMETRY, "orchestrator")).config
        assert not ingest.filter_subject
        assert not ingest.filter_subjects
        assert sorted(orchestrator.filter_subjects or []) == [
            "worker.completion.*",
            "worker.progress.*",
            "worker.registered.*",
        ]


async def test_a_durable_that_took_a_part_of_its_stream_gets_all_of_it_from_then_on(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        narrow = Durable("telemetry-ingest-events", ("event.task.*",))
        before = tuple(replace(s, durables=(narrow,)) if s.name == EVENTS else s for s in STREAMS)
        await declare_streams(bus.js, declared=before)
        assert all(await publish_batches(bus, [Outgoing("event.task.queued", "p.1", b"1")]))
        puller = await bus.js.pull_subscribe_bind(narrow.name, EVENTS)
        assert [m.subject for m in await _taken(puller, 1)] == ["event.task.queued"]
        bus.on_reconnect(partial(declare_streams, bus.js))
        bus.refresh()
        await eventually(lambda: _takes_all(bus, narrow.name))
        later = [Outgoing("event.worker.sampled", "p.2", b"1"), Outgoing("event.task.queued", "p.3", b"1")]
        assert all(await publish_batches(bus, later))
        assert [m.subject for m in await _taken(puller, 2)] == ["event.worker.sampled", "event.task.queued"]


async def _taken(puller: JetStreamContext.PullSubscription, many: int) -> list[Msg]:
    messages: list[Msg] = []
    while len(messages) < many:
        messages += await puller.fetch(many - len(messages), timeout=5)
    for message in messages:
        await message.ack_sync()
    return messages


async def _takes_all(bus: Bus, durable: str) -> bool:
    config = (await bus.js.consumer_info(EVENTS, durable)).config
    return not config.filter_subject and not config.filter_subjects


async def test_a_new_stream_takes_nothing_before_its_durables_are_there(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        # As a process leaves it that dies between the stream and its durables.
        config = StreamConfig(name=QUESTIONS, subjects=["manager.question.*"], retention="interest", max_msg_size=1)  # type: ignore[arg-type]
        await bus.js.add_stream(config)
        assert await publish_batches(bus, [Outgoing("manager.question.w", "1", b"{}")]) == [False]
        await declare_streams(bus.js)
        assert await publish_batches(bus, [Outgoing("manager.question.w", "1", b"{}")]) == [True]
        await eventually(lambda: pending(bus, QUESTIONS, "question-broker", 1))


async def test_a_full_stream_refuses_and_keeps_what_it_has(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js, max_bytes=4_000)
        messages = [Outgoing("worker.plan.w", str(n), b"x" * 500) for n in range(20)]
        stored = await publish_batches(bus, messages)
        assert 0 < stored.count(True) < 10
        assert stored == sorted(stored, reverse=True)
        state = (await bus.js.stream_info(TELEMETRY)).state
        assert (state.first_seq, state.messages) == (1, stored.count(True))


async def test_a_worker_gets_its_own_durables_and_nothing_of_others(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        for worker in ("w1", "w2", "w1"):
            assert await ensure_worker_consumers(bus.js, worker) == (worker, worker)
        said = [subjects.task("w1"), subjects.command("w1"), subjects.answer("w1"), subjects.command("w2")]
        assert all(await publish_batches(bus, [Outgoing(subject, subject, b"{}") for subject in said]))
        await eventually(lambda: pending(bus, TASKS, "w1", 1))
        await eventually(lambda: pending(bus, COMMANDS, "w1", 2))
        await eventually(lambda: pending(bus, COMMANDS, "w2", 1))


async def test_streams_are_declared_again_when_the_broker_comes_back(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await keep_declared(bus, settings_of(nats_server, nats_stream_max_bytes=1_000_000))
        await bus.wait_ready()
        assert (await bus.js.stream_info(TASKS)).config.max_bytes == 1_000_000
        nats_server.stop()
        await eventually(lambda: not bus.ready)
        nats_server.start()
        await eventually(lambda: bus.ready)
        await bus.js.delete_stream(TASKS)
        bus.refresh()
        await bus.wait_ready()
        assert (await bus.js.stream_info(TASKS)).config.name == TASKS


async def test_the_api_error_of_a_stream_that_cannot_be_changed_is_not_hidden(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await bus.js.add_stream(StreamConfig(name=TASKS, subjects=["worker.task.*"], storage="memory"))  # type: ignore[arg-type]
        with pytest.raises(APIError):
            await declare_streams(bus.js)


async def test_a_service_that_may_not_declare_waits_until_its_own_durables_are_there(nats_server: TestNats) -> None:
    settings = settings_of(nats_server, nats_declares=False)
    bus = await Bus.connect(settings, "question-broker")
    async with a_bus(nats_server) as other:
        try:
            await keep_declared(bus, settings)
            await eventually(lambda: bus.connected)
            assert not bus.ready
            with pytest.raises(NotFoundError):
                await bus.js.stream_info(TASKS)
            await declare_streams(other.js)
            await eventually(lambda: bus.ready)
        finally:
            await bus.close()


async def test_what_was_deleted_is_declared_again_after_a_while(nats_server: TestNats) -> None:
    settings = settings_of(nats_server)
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        await bus.js.delete_consumer(TELEMETRY, "telemetry-ingest")
        async with running(declare_again(bus, settings, every_s=0.02)):

            async def there() -> bool:
                try:
                    return bool(await bus.js.consumer_info(TELEMETRY, "telemetry-ingest"))
                except NotFoundError:
                    return False

            await eventually(there)
