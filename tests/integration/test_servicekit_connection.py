"""The connection, the declarations and publishing, on a real broker."""

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import nats.errors
import pytest
from nats.aio.msg import Msg
from nats.js.api import StreamConfig
from nats.js.errors import APIError

from contracts import subjects
from contracts.streams import COMMANDS, QUESTIONS, STREAMS, TASKS, TELEMETRY
from servicekit.bus import (
    Bus,
    Outgoing,
    declare_streams,
    ensure_worker_consumers,
    keep_declared,
    publish_batches,
)
from servicekit.bus.rpc import RpcError, call, serve
from tests.support.buskit import a_bus, batch, outgoing, settings_of
from tests.support.stack import TestNats
from tests.support.waiting import eventually


async def durables(bus: Bus) -> set[tuple[str, str]]:
    return {(s.name, info.name) for s in STREAMS for info in await bus.js.consumers_info(s.name)}


async def test_every_stream_and_durable_of_the_contract_is_there(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        infos = {info.config.name: info.config for info in await bus.js.streams_info()}
        assert set(infos) == {stream.name for stream in STREAMS}
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
        assert asked == len(STREAMS) + len(created)
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
            "worker.registered",
        ]


async def test_a_new_stream_takes_nothing_before_its_durables_are_there(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        # As a process leaves it that dies between the stream and its durables.
        config = StreamConfig(name=QUESTIONS, subjects=["manager.question.*"], retention="interest", max_msg_size=1)  # type: ignore[arg-type]
        await bus.js.add_stream(config)
        assert await publish_batches(bus, [Outgoing("manager.question.w", "1", b"{}")]) == [False]
        await declare_streams(bus.js)
        assert await publish_batches(bus, [Outgoing("manager.question.w", "1", b"{}")]) == [True]
        assert (await bus.js.consumer_info(QUESTIONS, "question-broker")).num_pending == 1


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
        assert (await bus.js.consumer_info(TASKS, "w1")).num_pending == 1
        assert (await bus.js.consumer_info(COMMANDS, "w1")).num_pending == 2
        assert (await bus.js.consumer_info(COMMANDS, "w2")).num_pending == 1


async def test_publishing_says_for_each_message_whether_it_is_stored(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        too_large = b"x" * (bus.nc.max_payload + 1)
        messages = [
            outgoing(batch(1)),
            Outgoing("no.such.stream", "a", b"{}"),
            Outgoing("worker.plan.w", "b", too_large),
            outgoing(batch(2)),
        ]
        assert await publish_batches(bus, messages) == [True, False, False, True]


async def test_a_repeated_publication_is_stored_once(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        message = outgoing(batch(1))
        assert await publish_batches(bus, [message, message]) == [True, True]
        assert await publish_batches(bus, [message]) == [True]
        assert (await bus.js.stream_info(TELEMETRY)).state.messages == 1


async def test_thousands_are_published_in_order(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        messages = [Outgoing("worker.plan.w", str(n), b"%d" % n) for n in range(3_000)]
        assert all(await publish_batches(bus, messages))
        for sequence in (1, 512, 513, 3_000):
            stored = await bus.js.get_msg(TELEMETRY, seq=sequence)
            assert stored.data == b"%d" % (sequence - 1)
            assert stored.headers is not None
            assert stored.headers["Nats-Msg-Id"] == str(sequence - 1)
            assert stored.headers["Mews-Schema"] == "1.0"


async def test_an_outage_fails_a_publication_at_once_and_not_after_a_timeout(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        nats_server.kill()
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await publish_batches(bus, [outgoing(batch(1))], ack_timeout_s=30) == [False]
        assert loop.time() - began < 5


async def test_a_broker_that_is_silent_is_waited_for_once_and_not_for_every_window(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        assert await publish_batches(bus, [outgoing(batch(1))]) == [True]
        messages = [Outgoing("worker.plan.w", str(n), b"{}") for n in range(2_000)]
        began = asyncio.get_running_loop().time()
        pid = nats_server.info.pid or 0
        os.kill(pid, signal.SIGSTOP)
        try:
            assert not any(await publish_batches(bus, messages, ack_timeout_s=0.5))
        finally:
            os.kill(pid, signal.SIGCONT)
        assert asyncio.get_running_loop().time() - began < 1.5


async def test_what_is_subscribed_while_the_broker_is_away_is_heard_when_it_comes(nats_server: TestNats) -> None:
    nats_server.stop()
    heard: list[bytes] = []

    async def note(message: Msg) -> None:
        heard.append(message.data)

    async with a_bus(nats_server) as bus:
        assert not bus.connected
        assert await bus.publish_core("worker.heartbeat.w", b"lost") is False
        await bus.subscribe_core("worker.heartbeat.*", note)
        nats_server.start()
        await bus.wait_connected()
        assert await bus.publish_core("worker.heartbeat.w", b"1")
        await eventually(lambda: heard == [b"1"])
        nats_server.stop()
        await eventually(lambda: not bus.connected)
        nats_server.start()
        await eventually(lambda: bus.connected, within=10)
        assert await bus.publish_core("worker.heartbeat.w", b"2")
        await eventually(lambda: heard == [b"1", b"2"])


async def test_a_callback_that_fails_is_repeated_and_until_then_the_bus_is_not_ready(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await bus.wait_ready()
        calls: list[bool] = []

        async def second_time_lucky() -> None:
            calls.append(bus.ready)
            if len(calls) < 2:
                raise nats.errors.TimeoutError

        bus.on_reconnect(second_time_lucky)
        bus.refresh()
        assert not bus.ready
        await bus.wait_ready()
        assert calls == [False, False]


async def test_streams_are_declared_again_when_the_broker_comes_back(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await keep_declared(bus, settings_of(nats_server, nats_stream_max_bytes=1_000_000))
        await bus.wait_ready()
        assert (await bus.js.stream_info(TASKS)).config.max_bytes == 1_000_000
        nats_server.stop()
        await eventually(lambda: not bus.ready)
        nats_server.start()
        await eventually(lambda: bus.ready, within=10)
        await bus.js.delete_stream(TASKS)
        bus.refresh()
        await bus.wait_ready()
        assert (await bus.js.stream_info(TASKS)).config.name == TASKS


async def test_user_and_password_are_shown_and_refused_ones_are_shown_again(tmp_path: Path) -> None:
    server = TestNats(tmp_path / "nats", user="mews", password="secret")
    server.start()
    async with a_bus(server, nats_user="mews", nats_password="secret") as bus:
        assert bus.connected
    async with a_bus(server, nats_user="mews", nats_password="new") as bus:
        assert not bus.connected
        server.stop()
        changed = TestNats(tmp_path / "changed", user="mews", password="new", port=server.port)
        changed.start()
        await eventually(lambda: bus.connected, within=10)
    changed.stop()


async def test_closing_while_the_broker_is_away_leaves_nothing_running(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await bus.wait_ready()
        nats_server.stop()
        await eventually(lambda: not bus.connected)
    nats_server.stop()
    async with a_bus(nats_server) as bus:
        assert not bus.connected

    async def alone() -> bool:
        return asyncio.all_tasks() == {asyncio.current_task()}

    await eventually(alone)


async def test_an_answer_comes_back_to_the_worker_that_asked(nats_server: TestNats) -> None:
    async def get_task(worker_id: str, payload: bytes) -> bytes:
        return worker_id.encode() + b":" + payload

    async with a_bus(nats_server) as service, a_bus(nats_server) as worker:
        await serve(service, "orchestrator", {"get_task": get_task})
        assert await call(worker, subjects.rpc("orchestrator", "get_task", "w1"), b"{}") == b"w1:{}"


async def test_a_refusal_and_a_silence_say_what_they_are(nats_server: TestNats) -> None:
    class NotFoundError(Exception):
        code, category, detail = "task_not_found", "not_found", "no task 'x'"

    async def refuse(_worker: str, payload: bytes) -> bytes:
        if payload == b"bug":
            raise RuntimeError("secret")
        raise NotFoundError

    async with a_bus(nats_server) as service, a_bus(nats_server) as worker:
        await serve(service, "orchestrator", {"get_task": refuse})
        subject = subjects.rpc("orchestrator", "get_task", "w1")
        with pytest.raises(RpcError, match="no task 'x'") as refused:
            await call(worker, subject, b"{}")
        assert refused.value.code == "task_not_found"
        with pytest.raises(RpcError, match="failed to answer") as failed:
            await call(worker, subject, b"bug")
        assert failed.value.code == "internal"
        with pytest.raises(RpcError, match="no answer") as silent:
            await call(worker, subjects.rpc("nobody", "get_task", "w1"), b"{}")
        assert (silent.value.code, silent.value.category) == ("unavailable", "unavailable")


async def test_the_api_error_of_a_stream_that_cannot_be_changed_is_not_hidden(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await bus.js.add_stream(StreamConfig(name=TASKS, subjects=["worker.task.*"], storage="memory"))  # type: ignore[arg-type]
        with pytest.raises(APIError):
            await declare_streams(bus.js)
