"""monitor_task with wait: progress notifications until the task ends, the time is over, or the client leaves."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from mcp import MCPError

from mcp_gateway.app import create_app
from tests.support.gateway import ERAS, client, gateway, gateway_settings
from tests.support.serving import serving
from tests.support.upstreams import Addresses, World, upstreams
from tests.support.views import completed_task, entry, queued_task, running_task
from tests.support.waiting import PATIENCE_S, eventually

TASK = "task-abc123"
FOLLOW = {"task_id": TASK, "wait": True}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def addresses(world: World) -> AsyncGenerator[Addresses]:
    async with upstreams(world) as found:
        yield found


@pytest.mark.parametrize("era", ERAS)
async def test_the_caller_sees_every_step_until_the_end(addresses: Addresses, world: World, era: str) -> None:
    told: list[tuple[float, str]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        assert total == 100
        told.append((progress, message or ""))

    def heard(part: str) -> bool:
        return any(part in message for _, message in told)

    world.put(queued_task())
    async with gateway(addresses) as url, client(url, era) as manager, asyncio.TaskGroup() as group:
        call = group.create_task(manager.call_tool("monitor_task", FOLLOW, progress_callback=on_progress))
        await eventually(lambda: heard("queued") and world.live_open)
        world.put(running_task())
        await eventually(lambda: heard("executing · 65%"))
        await world.stream(TASK, entry("stream", "Considering…", "thinking"))
        await eventually(lambda: heard("[thinking] Considering…"))
        world.put(completed_task())
        result = await call
    assert result.structured_content["state"] == "completed"
    assert result.structured_content["notes"] == []
    grown = [progress for progress, _ in told]
    assert grown == sorted(set(grown))
    await eventually(lambda: world.live_open == 0)


async def test_a_task_that_has_ended_is_answered_at_once(addresses: Addresses, world: World) -> None:
    world.put(completed_task())
    async with (
        gateway(addresses, monitor_wait_ms=60_000, monitor_poll_ms=60_000) as url,
        client(url, "2026-07-28") as manager,
    ):
        async with asyncio.timeout(PATIENCE_S):
            result = await manager.call_tool("monitor_task", FOLLOW)
    assert result.structured_content["state"] == "completed"


async def test_when_the_time_is_over_the_caller_gets_what_there_is(addresses: Addresses, world: World) -> None:
    world.put(running_task())
    async with gateway(addresses, monitor_wait_ms=1_000) as url, client(url, "legacy") as manager:
        result = await manager.call_tool("monitor_task", FOLLOW)
    assert result.structured_content["state"] == "running"
    assert result.structured_content["notes"] == ["not over after 1 s; call again with wait to go on following"]


async def test_one_call_that_is_cancelled_midway_is_followed_for_no_longer_and_the_client_goes_on(
    addresses: Addresses, world: World
) -> None:
    world.put(running_task())
    told: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async with gateway(addresses, monitor_wait_ms=60_000) as url, client(url, "2026-07-28") as manager:
        call = asyncio.create_task(manager.call_tool("monitor_task", FOLLOW, progress_callback=on_progress))
        await eventually(lambda: told and world.live_open)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await eventually(lambda: world.live_open == 0)
        assert not (await manager.call_tool("list_tasks", {})).is_error


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_leaves_is_followed_for_no_longer(addresses: Addresses, world: World, era: str) -> None:
    world.put(running_task())
    async with gateway(addresses, monitor_wait_ms=60_000) as url:
        async with client(url, era) as manager:
            with pytest.raises(MCPError):
                await manager.call_tool("monitor_task", FOLLOW, read_timeout_seconds=0.5)
        await eventually(lambda: world.live_open == 0)
        await eventually(lambda: nobody_polls(url, world))


async def nobody_polls(url: str, world: World) -> bool:
    """Whether nothing but our own calls has asked for anything over several poll intervals."""
    before = len(world.asked)
    async with client(url, "2026-07-28") as manager:
        for _ in range(5):
            await asyncio.sleep(0.05)
            await manager.call_tool("list_tasks", {})
    return len(world.asked) == before + 5


@pytest.mark.parametrize("era", ERAS)
async def test_a_gateway_that_is_told_to_stop_keeps_nobody_waiting(
    addresses: Addresses, world: World, era: str
) -> None:
    world.put(running_task())
    app = create_app(gateway_settings(addresses, monitor_wait_ms=60_000))
    async with serving(app) as url, client(f"{url}/mcp", era) as manager, asyncio.TaskGroup() as group:
        call = group.create_task(manager.call_tool("monitor_task", FOLLOW))
        await eventually(lambda: world.live_open)
        app.state.stopping.set()
        result = await call
    (note,) = result.structured_content["notes"]
    assert "restarting" in note
    await eventually(lambda: world.live_open == 0)


async def test_without_the_live_tail_the_state_is_followed_all_the_same(world: World) -> None:
    world.put(running_task())
    async with upstreams(world) as addresses:
        deaf = Addresses(addresses.orchestrator, "http://127.0.0.1:9", addresses.analytics, addresses.questions)
        async with gateway(deaf) as url, client(url, "2026-07-28") as manager, asyncio.TaskGroup() as group:
            call = group.create_task(manager.call_tool("monitor_task", FOLLOW))
            await eventually(lambda: world.asked)
            world.put(completed_task())
            result = await call
    assert result.structured_content["state"] == "completed"


async def test_an_unknown_task_is_not_waited_for(addresses: Addresses) -> None:
    async with gateway(addresses) as url, client(url, "legacy") as manager:
        result = await manager.call_tool("monitor_task", FOLLOW)
    assert result.is_error
