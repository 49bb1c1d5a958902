"""Who is let in at the gateway's door, over plain HTTP."""

import hashlib
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.support.gateway import ERAS, client, gateway
from tests.support.upstreams import Addresses, World, upstreams
from tests.support.views import running_task

TOKEN = "correct-horse"
TOKENS = SecretStr(f"alice:{hashlib.sha256(TOKEN.encode()).hexdigest()},bob:{'0' * 64}")
GUARDED: dict[str, Any] = {"auth_mode": "token", "gateway_tokens": TOKENS, "gateway_state_keys": SecretStr("k" * 32)}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def addresses(world: World) -> AsyncGenerator[Addresses]:
    async with upstreams(world) as found:
        yield found


@pytest.fixture
async def guarded(addresses: Addresses) -> AsyncGenerator[str]:
    async with gateway(addresses, **GUARDED, max_body_bytes=100_000) as url:
        yield url


async def post(url: str, headers: dict[str, str] | None = None, body: Any = PING) -> httpx.Response:
    async with httpx.AsyncClient() as http:
        return await http.post(url, json=body, headers=ACCEPT | (headers or {}))


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Basic {TOKEN}", f"Bearer {'0' * 64}", "Bearer"])
async def test_without_a_known_token_nobody_comes_in(guarded: str, world: World, authorization: str | None) -> None:
    answer = await post(guarded, {"Authorization": authorization} if authorization else {})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert world.asked == []


@pytest.mark.parametrize("era", ERAS)
async def test_the_tokens_name_is_the_actor(guarded: str, world: World, era: str) -> None:
    world.put(running_task())
    async with client(guarded, era, TOKEN) as manager:
        await manager.call_tool("cancel_task", {"task_id": "task-abc123"})
    assert world.bodies == [{"reason": "cancelled by alice"}]


async def test_probes_need_no_token(guarded: str) -> None:
    base = guarded.removesuffix("/mcp")
    async with httpx.AsyncClient() as http:
        answers = [(await http.get(f"{base}{path}")).status_code for path in ("/healthz", "/readyz", "/metrics")]
    # There is no database here, and it says so to everybody.
    assert answers == [200, 503, 200]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example.com"}, 421),
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Host": "mews.example.com", "Origin": "https://ui.example.com"}, 200),
        ({"Host": "localhost:1", "Origin": "http://localhost:6274"}, 200),
    ],
)
async def test_foreign_hosts_and_origins_are_refused(
    addresses: Addresses, headers: dict[str, str], status: int
) -> None:
    names = {"gateway_allowed_hosts": "mews.example.com", "gateway_allowed_origins": "https://ui.example.com"}
    async with gateway(addresses, **names) as url:
        assert (await post(url, headers)).status_code == status


async def test_a_body_over_the_limit_is_refused(guarded: str) -> None:
    big = PING | {"params": {"_meta": {"x": "x" * 200_000}}}
    assert (await post(guarded, {"Authorization": f"Bearer {TOKEN}"}, big)).status_code == 413


async def test_there_is_no_stream_to_get_and_no_session_to_delete(guarded: str) -> None:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"} | ACCEPT) as http:
        assert (await http.get(guarded)).status_code == 405
        assert (await http.delete(guarded)).status_code == 405


async def test_tool_calls_are_counted_by_outcome(addresses: Addresses) -> None:
    async with gateway(addresses) as url, client(url, "legacy") as manager:
        await manager.call_tool("list_tasks", {})
        await manager.call_tool("list_tasks", {"limit": 0})
        async with httpx.AsyncClient() as http:
            metrics = (await http.get(f"{url.removesuffix('/mcp')}/metrics")).text
    assert 'mews_tool_calls_total{outcome="ok",tool="list_tasks"}' in metrics
    assert 'mews_tool_calls_total{outcome="invalid_input",tool="list_tasks"}' in metrics
