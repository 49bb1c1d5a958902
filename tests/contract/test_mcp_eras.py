"""Both eras of the protocol at one address, spoken by hand and by the official client."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from mcp_gateway.mcp.table import TOOLS
from tests.support.gateway import ERAS, client, gateway
from tests.support.upstreams import World, upstreams

OLDEST, NEWEST_HANDSHAKE, MODERN = "2024-11-05", "2025-11-25", "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}


@pytest.fixture
async def url() -> AsyncGenerator[str]:
    async with upstreams(World()) as addresses, gateway(addresses) as found:
        yield found


async def post(url: str, method: str, params: dict[str, Any], **headers: str) -> httpx.Response:
    accept = {"Accept": "application/json, text/event-stream"}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    async with httpx.AsyncClient(timeout=10) as http:
        return await http.post(url, json=body, headers=accept | headers)


def result(response: httpx.Response) -> dict[str, Any]:
    """The result, whether it came as JSON or as a server-sent event."""
    data = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    return json.loads(data[-1] if data else response.text)["result"]


@pytest.mark.parametrize(("era", "version"), [*zip(ERAS, (NEWEST_HANDSHAKE, MODERN), strict=True)])
async def test_the_official_client_negotiates_its_era(url: str, era: str, version: str) -> None:
    async with client(url, era) as connected:
        assert connected.protocol_version == version


@pytest.mark.parametrize(("era", "version"), [("legacy", NEWEST_HANDSHAKE), ("auto", MODERN)])
async def test_a_client_that_asks_is_told_what_is_offered(url: str, era: str, version: str) -> None:
    async with client(url, era) as connected:
        assert connected.protocol_version == version
        assert connected.server_info is not None
        assert connected.server_info.name == "mews"
        capabilities = connected.server_capabilities
        assert capabilities is not None
        assert capabilities.tools is not None
        assert capabilities.resources is not None
        assert capabilities.prompts is not None
        assert capabilities.completions is not None
        assert bool(capabilities.resources.subscribe) is (version == MODERN)
        parts = (capabilities.tools, capabilities.resources, capabilities.prompts)
        assert not any(part.list_changed for part in parts)


@pytest.mark.parametrize("version", [OLDEST, "2025-03-26", "2025-06-18", NEWEST_HANDSHAKE])
async def test_every_handshake_version_is_spoken(url: str, version: str) -> None:
    hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    answer = await post(url, "initialize", hello)
    assert result(answer)["protocolVersion"] == version
    assert "mcp-session-id" not in answer.headers


async def test_any_replica_serves_any_request() -> None:
    async with upstreams(World()) as addresses, gateway(addresses) as one, gateway(addresses) as other:
        hello = {"protocolVersion": NEWEST_HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        await post(one, "initialize", hello)
        call = {"name": "list_tasks", "arguments": {}}
        handshake = await post(other, "tools/call", call, **{"MCP-Protocol-Version": NEWEST_HANDSHAKE})
        modern = await post(other, "tools/call", call | {"_meta": META}, **modern_headers("list_tasks"))
    assert result(handshake)["structuredContent"] == {"tasks": []}
    assert result(modern)["structuredContent"] == {"tasks": []}


async def test_concurrent_requests_are_each_answered(url: str) -> None:
    answers = await asyncio.gather(*(post(url, "tools/list", {}) for _ in range(10)))
    assert [len(result(answer)["tools"]) for answer in answers] == [len(TOOLS)] * 10


async def test_a_name_that_the_header_contradicts_is_refused(url: str) -> None:
    call = {"name": "list_tasks", "arguments": {}, "_meta": META}
    answer = await post(url, "tools/call", call, **modern_headers("cancel_task"))
    assert answer.status_code == 400


def modern_headers(tool: str) -> dict[str, str]:
    return {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": tool}
