"""A real MCP client of the running gateway: all that the command line knows of tasks comes through it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import INTERNAL_ERROR, CallToolResult, TextContent

from devstack.calls import Answer, CallRefused, GatewayAway, Target, is_loopback
from devstack.errors import DevstackError

CONNECT_WITHIN_S = 5.0
ANSWER_WITHIN_S = 30.0
# Where the gateway puts the problem details of an error.
PROBLEM_KEY = "mews/problem"

_REFUSED = frozenset({401, 403})
# The gateway went away, forgot us, or could not answer in time.
_PASSING = frozenset({INTERNAL_ERROR, -32000, -32001, -32600})
_BROKEN = (httpx2.HTTPError, OSError, anyio.ClosedResourceError, anyio.BrokenResourceError, ExceptionGroup)


@dataclass
class Gateway:
    """An open session."""

    target: Target
    _client: Client
    _http_status: list[int] = field(default_factory=list[int])

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None) -> Answer:
        """Call a tool. Raises GatewayAway, CallRefused."""
        try:
            result = await self._client.call_tool(tool, dict(arguments or {}), read_timeout_seconds=ANSWER_WITHIN_S)
        except MCPError as error:
            raise self._explained(error) from error
        except _BROKEN as error:
            raise away(self.target, self._http_status, error) from error
        return _answer(result)

    def _explained(self, error: MCPError) -> DevstackError:
        if error.code in _PASSING:
            return away(self.target, self._http_status, error)
        return CallRefused(str(error.code), error.message)


@asynccontextmanager
async def open_gateway(target: Target) -> AsyncGenerator[Gateway]:
    """A session with the gateway for the block. Raises GatewayAway when none answers."""
    try:
        async with AsyncExitStack() as stack:
            yield await _opened(stack, target)
    except BaseException as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # Who is interrupted while the client calls may see any error of what is closed under it.
            raise asyncio.CancelledError from error
        if isinstance(error, BaseExceptionGroup):
            # The client's task groups wrap whatever the block raises.
            raise _sole_cause(error) from error
        raise


async def _opened(stack: AsyncExitStack, target: Target) -> Gateway:
    statuses: list[int] = []
    http = await stack.enter_async_context(_http(target, statuses))
    client = Client(
        streamable_http_client(target.url, http_client=http), read_timeout_seconds=ANSWER_WITHIN_S, cache=None
    )
    try:
        return Gateway(target, await stack.enter_async_context(client), statuses)
    except (MCPError, *_BROKEN) as error:
        raise away(target, statuses, error) from error


def away(target: Target, statuses: list[int], error: BaseException) -> DevstackError:
    """Why there was no answer, and what to do about it."""
    status = statuses[-1] if statuses else None
    if status in _REFUSED:
        return CallRefused(
            "unauthorized",
            f"the gateway at {target.url} refuses {'this token' if target.token else 'a call without a token'}"
            f" (HTTP {status}): give the right one with --token or MEWS_TOKEN",
        )
    if status is not None and status >= 400:
        return GatewayAway(f"{target.url} is no MCP endpoint of a gateway (HTTP {status})")
    return GatewayAway(f"no gateway answers at {target.url} ({_first_cause(error)}); start the system with: mews up")


def _http(target: Target, statuses: list[int]) -> httpx2.AsyncClient:
    async def note(response: httpx2.Response) -> None:
        statuses.append(response.status_code)

    return httpx2.AsyncClient(
        headers={"Authorization": f"Bearer {target.token}"} if target.token else {},
        timeout=httpx2.Timeout(CONNECT_WITHIN_S, read=None),
        event_hooks={"response": [note]},
        trust_env=not is_loopback(target.url),
    )


def _answer(result: CallToolResult) -> Answer:
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    if result.is_error:
        problem: Any = (result.meta or {}).get(PROBLEM_KEY) or {}
        raise CallRefused(str(problem.get("code", "error")), text or "the gateway gives no reason")
    return Answer(text, dict(result.structured_content or {}))


def _sole_cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _first_cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
