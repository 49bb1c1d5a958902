"""Clients are told what changes: `subscriptions/listen` over HTTP, fed from a real broker and from live tails."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from mcp import MCPError
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp.types import METHOD_NOT_FOUND

from contracts.batches import Batch
from contracts.decided import DecidedEvent, DecidedKind
from contracts.subjects import for_decided
from mcp_gateway.app import MIGRATIONS, SCHEMA, create_app
from servicekit.bus import Bus, declare_streams
from servicekit.ids import new_event_id
from servicekit.migrations import run_migrations
from tests.support.buskit import a_bus
from tests.support.gateway import client, gateway, gateway_settings
from tests.support.schema import settings_of
from tests.support.serving import serving
from tests.support.stack import Database, TestNats
from tests.support.upstreams import NOW, Addresses, World, upstreams
from tests.support.views import entry, running_task
from tests.support.waiting import eventually

MODERN = "2026-07-28"
TASK, STREAMS = "mews://tasks/task-abc123", "mews://tasks/task-abc123/streams"
WORKER, QUESTIONS = "mews://workers/worker-1", "mews://questions"
EVERYTHING = (TASK, STREAMS, WORKER, QUESTIONS)

Tell = Callable[..., Awaitable[None]]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def addresses(world: World) -> AsyncGenerator[Addresses]:
    async with upstreams(world) as found:
        yield found


@pytest.fixture
async def bus(nats_server: TestNats) -> AsyncGenerator[Bus]:
    """What the services publish on; the broker is away until `broker_comes`."""
    async with a_bus(nats_server) as connected:
        await declare_streams(connected.js)
        await asyncio.to_thread(nats_server.stop)
        yield connected


@pytest.fixture
def tell(bus: Bus) -> Tell:
    """`tell(kind, task_id=…)`: a service decided something, as its outbox publishes it."""
    sent = 0

    async def say(kind: DecidedKind, times: int = 1, **fields: Any) -> None:
        nonlocal sent
        events = [DecidedEvent(event_id=new_event_id(), kind=kind, occurred_at=NOW, **fields) for _ in range(times)]
        sent += 1
        batch = Batch[Any](producer="test", batch=sent, events=events)
        await bus.js.publish(for_decided(kind), batch.to_json())

    return say


@asynccontextmanager
async def hearing(addresses: Addresses, nats: TestNats, **changes: Any) -> AsyncGenerator[str]:
    """A gateway that hears the bus."""
    at = {"nats_host": nats.host, "nats_port": nats.port, "listen_together_ms": 20}
    async with gateway(addresses, **(at | changes)) as url:
        yield url


class Listener:
    """A client that listens, and what it has heard."""

    def __init__(self, honored: set[str]) -> None:
        self.honored = honored
        self.heard: list[str] = []
        self.ended = False


@asynccontextmanager
async def listening(url: str, *uris: str) -> AsyncGenerator[Listener]:
    """A client that listens to these."""
    opened: asyncio.Future[Listener] = asyncio.get_running_loop().create_future()

    async def listen() -> None:
        try:
            async with client(url, MODERN) as connected, connected.listen(resource_subscriptions=uris) as stream:
                listener = Listener({*(stream.honored.resource_subscriptions or ())})
                opened.set_result(listener)
                async for event in stream:
                    listener.heard.append(getattr(event, "uri", ""))
                listener.ended = True
        except BaseException as error:
            if not opened.done():
                opened.set_exception(error)
            raise

    task = asyncio.create_task(listen())
    try:
        yield await opened
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def broker_comes(nats: TestNats, bus: Bus, *listeners: Listener) -> None:
    """Start it, and wait until all that this tells was heard: what is heard from then on are news."""
    await asyncio.to_thread(nats.start)
    await eventually(lambda: all({*one.heard} >= one.honored for one in listeners))
    await bus.wait_connected()
    for listener in listeners:
        listener.heard.clear()


async def test_a_listener_is_told_of_what_it_named_and_of_nothing_else(
    addresses: Addresses, nats_server: TestNats, bus: Bus, tell: Tell
) -> None:
    named = (TASK, QUESTIONS, "mews://moods", "mews://tasks/a%20b")
    async with hearing(addresses, nats_server) as url, listening(url, *named) as listener:
        assert listener.honored == {TASK, QUESTIONS}
        await broker_comes(nats_server, bus, listener)
        await tell(DecidedKind.worker_online, worker_id="worker-1")
        await tell(DecidedKind.task_completed, task_id="task-other", worker_id="worker-1")
        await tell(DecidedKind.task_completed, task_id="task-abc123", worker_id="worker-1")
        await eventually(lambda: listener.heard)
        assert listener.heard == [TASK]
        await tell(DecidedKind.question_asked, question_id="q-1", task_id="task-other", worker_id="worker-1")
        await eventually(lambda: listener.heard[1:])
        assert listener.heard == [TASK, QUESTIONS]


async def test_every_listener_of_every_replica_is_told(
    addresses: Addresses, nats_server: TestNats, bus: Bus, tell: Tell
) -> None:
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(hearing(addresses, nats_server)) for _ in range(2)]
        listeners = [await stack.enter_async_context(listening(url, WORKER)) for url in [*urls, urls[0]]]
        await broker_comes(nats_server, bus, *listeners)
        await tell(DecidedKind.worker_offline, worker_id="worker-1")
        for listener in listeners:
            await eventually(lambda one=listener: one.heard)
            assert listener.heard == [WORKER]


async def test_what_changes_many_times_within_a_moment_is_told_once(
    addresses: Addresses, nats_server: TestNats, bus: Bus, tell: Tell
) -> None:
    last, times = "mews://tasks/task-last", 20
    async with hearing(addresses, nats_server, listen_together_ms=300) as url, listening(url, TASK, last) as listener:
        await broker_comes(nats_server, bus, listener)
        for _ in range(times):
            await tell(DecidedKind.task_running, times=50, task_id="task-abc123")
        # The news of tasks come in order: once this is heard, all before it was told.
        await tell(DecidedKind.task_completed, task_id="task-last")
        await eventually(lambda: last in listener.heard)
        # How many moments it took is the machine's affair, but some news came within one.
        assert 0 < listener.heard.count(TASK) < times
        listener.heard.clear()
        await tell(DecidedKind.task_completed, task_id="task-abc123")
        await eventually(lambda: listener.heard == [TASK])


async def test_a_stream_is_told_of_as_its_entries_come(addresses: Addresses, world: World) -> None:
    world.put(running_task())
    async with gateway(addresses, nats_port=9, listen_together_ms=20) as url:
        async with listening(url, STREAMS) as first, listening(url, TASK) as second:
            # One tail for both, and none of a task that nobody listens to.
            await eventually(lambda: world.live_open == 1)
            await world.stream("task-abc123", entry("stream", "Considering…", "thinking"))
            await eventually(lambda: first.heard and second.heard)
            assert ({*first.heard}, {*second.heard}) == ({STREAMS}, {TASK})
        await eventually(lambda: world.live_open == 0)


async def test_when_the_broker_was_away_everything_may_have_changed(
    addresses: Addresses, nats_server: TestNats, bus: Bus
) -> None:
    async with hearing(addresses, nats_server) as url, listening(url, *EVERYTHING) as listener:
        await broker_comes(nats_server, bus, listener)
        await asyncio.to_thread(nats_server.stop)
        async with client(url, MODERN) as connected:
            assert not (await connected.call_tool("list_tasks", {})).is_error
        await asyncio.to_thread(nats_server.start)
        await eventually(lambda: {*listener.heard} == {*EVERYTHING})


async def test_a_gateway_without_its_broker_is_ready_and_listens(
    addresses: Addresses, world: World, database: Database
) -> None:
    await run_migrations(MIGRATIONS, SCHEMA, settings_of(database, SCHEMA))
    known = {name.lower(): value for name, value in database.env(SCHEMA).items()}
    async with gateway(addresses, nats_port=9, listen_together_ms=20, **known) as url:
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{url.removesuffix('/mcp')}/readyz")).status_code == 200
        async with listening(url, STREAMS) as listener:
            await world.stream("task-abc123", entry("stream", "Considering…", "thinking"))
            # Twice where the tail is opened and the entry comes at once.
            await eventually(lambda: {*listener.heard} == {STREAMS})


async def test_news_that_are_not_understood_tell_everybody(
    addresses: Addresses, nats_server: TestNats, bus: Bus
) -> None:
    async with hearing(addresses, nats_server) as url, listening(url, WORKER) as listener:
        await broker_comes(nats_server, bus, listener)
        await bus.js.publish("event.worker.online", b'{"of": "another version"}')
        await eventually(lambda: listener.heard == [WORKER])


async def test_a_gateway_that_is_told_to_stop_ends_the_streams_in_order(addresses: Addresses) -> None:
    app = create_app(gateway_settings(addresses))
    async with serving(app) as url, listening(f"{url}/mcp", TASK) as listener:
        app.state.stopping.set()
        await eventually(lambda: listener.ended)


async def refused(url: str, *uris: str) -> str:
    """Why these cannot be listened to."""
    async with client(url, MODERN) as connected:
        with pytest.raises(MCPError) as caught:
            async with connected.listen(resource_subscriptions=uris):
                pass
    return caught.value.message


async def test_too_many_streams_and_tasks_are_refused_with_the_limit(addresses: Addresses, world: World) -> None:
    async with gateway(addresses, listen_streams=2, listen_tasks=2) as url:
        async with listening(url, TASK, WORKER):
            assert "LISTEN_TASKS allows 2" in await refused(url, "mews://tasks/task-1", "mews://tasks/task-2")
            async with listening(url, STREAMS):
                assert "LISTEN_STREAMS" in await refused(url, TASK)
        await eventually(lambda: world.live_open == 0)
        async with listening(url, "mews://tasks/task-1", "mews://tasks/task-2") as listener:
            assert len(listener.honored) == 2


async def test_a_handshake_client_is_told_what_to_do_instead_of_subscribing(addresses: Addresses) -> None:
    async with gateway(addresses) as url, client(url, "legacy") as connected:
        with (
            pytest.warns(MCPDeprecationWarning),
            pytest.raises(MCPError, match="monitor_task and wait: true") as caught,
        ):
            await connected.subscribe_resource(TASK)  # pyright: ignore[reportDeprecated]  # clients still call it
    assert caught.value.code == METHOD_NOT_FOUND
