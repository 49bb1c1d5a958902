"""The gateway on a free port, and the official client for it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_gateway.app import create_app
from mcp_gateway.decisions.access import AuthMode
from mcp_gateway.settings import Settings
from tests.support.serving import serving
from tests.support.upstreams import Addresses

ERAS = ("legacy", "2026-07-28")


def gateway_settings(addresses: Addresses, **changes: Any) -> Settings:
    """Settings that let everybody in, on loopback, with waits short enough for a test."""
    settings: dict[str, Any] = {
        "orchestrator_url": addresses.orchestrator,
        "telemetry_ingest_url": addresses.telemetry,
        "analytics_query_url": addresses.analytics,
        "question_broker_url": addresses.questions,
        "auth_mode": AuthMode.local,
        "monitor_wait_ms": 5_000,
        "monitor_poll_ms": 50,
    }
    return Settings(**(settings | changes))


@asynccontextmanager
async def gateway(addresses: Addresses, **changes: Any) -> AsyncGenerator[str]:
    """The address of a gateway's MCP endpoint."""
    async with serving(create_app(gateway_settings(addresses, **changes))) as url:
        yield f"{url}/mcp"


@asynccontextmanager
async def client(url: str, era: str, token: str | None = None, **options: Any) -> AsyncGenerator[Client]:
    """The official client, of one era; `options` are the client's own."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=10) as http,
        Client(streamable_http_client(url, http_client=http), mode=era, cache=None, **options) as connected,
    ):
        yield connected
