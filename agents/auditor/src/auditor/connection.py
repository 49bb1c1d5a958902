"""The MCP session with the worker: opened when first needed, opened again when it broke."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import INTERNAL_ERROR, CallToolResult

from auditor.errors import UnreachableManagerError

CONNECT_TIMEOUT_S = 10.0
CALL_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 1.0
RETRY_DELAYS_S = (0.1, 0.3, 1.0, 2.0, 4.0)

_REFUSED = frozenset({401, 403})
_SESSION_TERMINATED = -32600
# -32000: closed. The server broke, went away or forgot us, which is not our mistake. Not so a time that ran out:
# what took so long once is not asked for again.
_PASSING = frozenset({INTERNAL_ERROR, -32000, _SESSION_TERMINATED})
_BROKEN = (httpx2.HTTPError, OSError, anyio.ClosedResourceError, anyio.BrokenResourceError, ExceptionGroup)


class CallFailedError(Exception):
    """A call without a result. `passing`: another try may do better."""

    def __init__(self, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing


@dataclass
class _Session:
    """One opened client, held by a task of its own: a client must be left by the task that entered it."""

    task: asyncio.Task[None]
    client: asyncio.Future[Client]
    leave: asyncio.Event = field(default_factory=asyncio.Event)


class Connection:
    """Calls tools with retries.

    A token that is refused from the start raises UnreachableManagerError at once. Once it was taken, a refusal passes
    too: a worker that has just been started again may not know its attempts yet.
    """

    def __init__(self, url: str, token: str, delays_s: tuple[float, ...] = RETRY_DELAYS_S) -> None:
        self._url = url
        self._token = token
        self._delays_s = delays_s
        self._session: _Session | None = None
        self._opening = asyncio.Lock()
        self._refused: int | None = None
        self._accepted = False
        self._given_up = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def call(self, tool: str, arguments: dict[str, Any], timeout_s: float = CALL_TIMEOUT_S) -> CallToolResult:
        """The tool's result. Raises CallFailedError after the last try.

        Once a call was given up, the next ones are tried once, so that a dead endpoint does not hold up the work.
        """
        delays = () if self._given_up else self._delays_s
        for delay in (*delays, None):
            try:
                result = await self._call_once(tool, arguments, timeout_s)
            except CallFailedError as error:
                if delay is None or not error.passing:
                    self._given_up = error.passing
                    raise
                await asyncio.sleep(delay)
            else:
                self._given_up, self._accepted = False, True
                return result
        raise AssertionError("the last try returns or raises")

    def try_harder(self) -> None:
        """Give the next call all its retries again."""
        self._given_up = False

    async def _call_once(self, tool: str, arguments: dict[str, Any], timeout_s: float) -> CallToolResult:
        client = await self._opened()
        try:
            return await client.call_tool(tool, arguments, read_timeout_seconds=timeout_s)
        except MCPError as error:
            self._stop_if_refused()
            if error.code == _SESSION_TERMINATED:
                await self._close()
            raise CallFailedError(f"{error.message} ({error.code})", passing=error.code in _PASSING) from error
        except _BROKEN as error:
            await self._close()
            raise CallFailedError(_first_cause(error), passing=True) from error

    async def _opened(self) -> Client:
        async with self._opening:
            if self._session is None or self._session.task.done():
                self._session = self._open()
            session = self._session
        await asyncio.wait({session.client, session.task}, return_when=asyncio.FIRST_COMPLETED)
        if session.client.done():
            return session.client.result()
        self._session = None
        self._stop_if_refused()
        error = session.task.exception()
        raise CallFailedError(_first_cause(error) if error else "the connection was closed", passing=True)

    def _open(self) -> _Session:
        ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        leave = asyncio.Event()
        return _Session(asyncio.create_task(self._hold(ready, leave)), ready, leave)

    async def _hold(self, ready: asyncio.Future[Client], leave: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(self._http())
            transport = streamable_http_client(self._url, http_client=http)
            ready.set_result(await stack.enter_async_context(Client(transport)))
            await leave.wait()

    def _http(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=httpx2.Timeout(CONNECT_TIMEOUT_S, read=None),
            event_hooks={"response": [self._note_status]},
            trust_env=False,
        )

    async def _note_status(self, response: httpx2.Response) -> None:
        if response.status_code in _REFUSED:
            self._refused = response.status_code

    def _stop_if_refused(self) -> None:
        if self._refused is not None and not self._accepted:
            raise UnreachableManagerError(f"the MCP endpoint refuses the token (HTTP {self._refused})")

    async def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.leave.set()
            await asyncio.wait({session.task}, timeout=CLOSE_TIMEOUT_S)
            session.task.cancel()
            await asyncio.wait({session.task}, timeout=CLOSE_TIMEOUT_S)
            if session.task.done() and not session.task.cancelled():
                session.task.exception()


def _first_cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
