"""MCP clients that report again and again through outages, and remember what was acknowledged to them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from json import dumps
from typing import Any
from urllib.parse import urlsplit

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

CALL_S = 10.0
PAUSE_S = 0.05
TOOL = "stream_realtime_data"
ERA = "2025-06-18"

Call = Callable[[dict[str, Any]], Awaitable[bool]]
Connect = Callable[[AsyncExitStack, str, str], Awaitable[Call]]


@dataclass
class ReportingClient:
    """One agent: it reports numbers in order, each once, and goes on with the next when a call fails."""

    name: str
    url: str
    token: str
    connect: Connect
    sent: int = 0
    acknowledged: list[int] = field(default_factory=list[int])
    refused: int = 0
    """Calls that the worker-agent answered, and did not take."""

    async def run(self, every_s: float, stopping: asyncio.Event) -> None:
        """Report until told to stop, at most every so often."""
        while not stopping.is_set():
            try:
                async with AsyncExitStack() as stack:
                    call = await asyncio.wait_for(self.connect(stack, self.url, self.token), CALL_S)
                    await self._report(call, every_s, stopping)
            except* Exception:
                # The worker-agent is gone, or goes: whether it has the last report, nobody knows.
                await asyncio.sleep(PAUSE_S)

    async def _report(self, call: Call, every_s: float, stopping: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not stopping.is_set():
            self.sent += 1
            number = self.sent
            if await asyncio.wait_for(call(arguments(self.name, number)), CALL_S):
                self.acknowledged.append(number)
            else:
                self.refused += 1
            due = max(due + every_s, loop.time() - 1)
            await asyncio.sleep(max(0.0, due - loop.time()))


def arguments(name: str, number: int) -> dict[str, Any]:
    """What a client reports as its n-th."""
    return {"stream_type": "output", "content": f"{name} {number}"}


async def library(stack: AsyncExitStack, url: str, token: str) -> Call:
    """The MCP library's own client."""
    http = await stack.enter_async_context(
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=CALL_S)
    )
    client = await stack.enter_async_context(Client(streamable_http_client(url, http_client=http), mode="legacy"))

    async def call(values: dict[str, Any]) -> bool:
        return not (await client.call_tool(TOOL, values)).is_error

    return call


async def wire(stack: AsyncExitStack, url: str, token: str) -> Call:
    """The same calls written on a connection directly: many of them cost the machine little."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    stack.callback(writer.close)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nAuthorization: Bearer {token}\r\n"
        f"MCP-Protocol-Version: {ERA}\r\n"
    )

    async def call(values: dict[str, Any]) -> bool:
        params = {"name": TOOL, "arguments": values}
        body = dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        answer = await _answer(reader)
        return b'"result"' in answer and b'"isError":true' not in answer

    return call


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    if "content-length:" in head:
        return await reader.readexactly(int(head.split("content-length:")[1].split()[0]))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body
