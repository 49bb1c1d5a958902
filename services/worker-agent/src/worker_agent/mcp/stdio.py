"""The same tools over stdio, for agents that speak nothing else: each message is handed on to the HTTP endpoint."""

import os
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams

from worker_agent.mcp.server import INSTRUCTIONS
from worker_agent.mcp.tools import input_schema_of

URL, TOKEN = "MEWS_MCP_URL", "MEWS_MCP_TOKEN"
LONGEST_CALL_S = 7 * 86_400.0

Context = ServerRequestContext[Any, Any]


def main() -> None:
    """Serve until standard input ends. Ends the process with a sentence if the environment says not where to."""
    missing = [name for name in (URL, TOKEN) if not os.environ.get(name)]
    if missing:
        raise SystemExit(f"mcp-stdio: {' and '.join(missing)} must be set; the worker-agent sets them for its agents")
    anyio.run(_serve, os.environ[URL], os.environ[TOKEN])


async def _serve(url: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    timeout = httpx2.Timeout(30.0, read=LONGEST_CALL_S)
    async with (
        httpx2.AsyncClient(headers=headers, timeout=timeout, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), read_timeout_seconds=LONGEST_CALL_S) as upstream,
        stdio_server() as (incoming, outgoing),
    ):
        server = _forwarding(upstream)
        await server.run(incoming, outgoing, server.create_initialization_options())


def _forwarding(upstream: Client) -> Server[Any]:
    async def list_tools(_ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        return await upstream.list_tools(cursor=params.cursor if params else None)

    async def call_tool(ctx: Context, params: CallToolRequestParams) -> CallToolResult:
        return await upstream.call_tool(params.name, params.arguments, progress_callback=ctx.session.report_progress)

    return Server(
        "mews-worker",
        version=upstream.server_info.version if upstream.server_info else "0",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=input_schema_of,
    )
