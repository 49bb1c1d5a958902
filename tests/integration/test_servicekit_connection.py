"""The connection and publishing, on a real broker."""

import asyncio
from pathlib import Path

import nats.errors
import pytest
from nats.aio.msg import Msg

from contracts.streams import TELEMETRY
from servicekit.bus import (
    Bus,
    Outgoing,
    declare_streams,
    publish_batches,
)
from servicekit.bus.publishing import WINDOW_MESSAGES
from servicekit.settings import ServiceSettings
from tests.support.buskit import a_bus, batch, outgoing
from tests.support.orchestrating import frozen
from tests.support.samples import Counted
from tests.support.stack import TestNats
from tests.support.waiting import eventually


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
        # Longer than a test may take.
        assert await publish_batches(bus, [outgoing(batch(1))], ack_timeout_s=3_600) == [False]


async def test_a_broker_that_is_silent_is_waited_for_once_and_not_for_every_window(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        assert await publish_batches(bus, [outgoing(batch(1))]) == [True]
        messages = [Outgoing("worker.plan.w", str(n), b"{}") for n in range(2_000)]
        counted = Counted()
        with frozen(nats_server.info.pid or 0):
            assert not any(await publish_batches(bus, messages, ack_timeout_s=0.5))
        # Each window that is waited for in vain is counted.
        waited_for = counted("mews_bus_publish_failures_total", reason="no acknowledgement")
        assert waited_for == WINDOW_MESSAGES < len(messages)


async def test_a_broker_that_was_frozen_is_heard_again_at_once_though_a_flush_was_given_up(
    nats_server: TestNats,
) -> None:
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        connections = bus.connections
        with frozen(nats_server.info.pid or 0), pytest.raises(nats.errors.FlushTimeoutError):
            await bus.nc.flush(timeout=1)
        assert await publish_batches(bus, [outgoing(batch(1))]) == [True]
        assert bus.connections == connections


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
        await eventually(lambda: bus.connected)
        assert await bus.publish_core("worker.heartbeat.w", b"2")
        await eventually(lambda: heard == [b"1", b"2"])


async def test_what_a_broker_that_freezes_cuts_short_is_set_up_when_it_goes_on(nats_server: TestNats) -> None:
    async with a_bus(nats_server) as bus:
        begun, done = 0, False

        async def setup() -> None:
            nonlocal begun, done
            begun += 1
            await bus.nc.flush(1)
            done = True

        with frozen(nats_server.info.pid or 0):
            await bus.once_connected(setup)
            assert (begun, done) == (1, False)
        await eventually(lambda: done)
        await bus.wait_ready()


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
        await eventually(lambda: bus.connected)
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


async def test_connecting_that_is_given_up_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    nobody = ServiceSettings(nats_port=9)
    for wait in (0, 0.001, 0.002, 0.01):
        connecting = asyncio.create_task(Bus.connect(nobody, "test"))
        await asyncio.wait({connecting}, timeout=wait)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
    assert asyncio.all_tasks() == before
