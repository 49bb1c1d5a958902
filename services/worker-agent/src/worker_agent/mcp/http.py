"""The MCP server over streamable HTTP on loopback: a bearer token says which attempt calls."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from servicekit.logs import get_logger
from worker_agent.handlers.attempt import Attempt
from worker_agent.mcp.tracing import ATTEMPT

PATH = "/mcp"
HOST = "127.0.0.1"
LOCAL = ["127.0.0.1", "localhost"]
REFUSAL = (
    b'{"error":"invalid_token","error_description":"send the MEWS_MCP_TOKEN of a running attempt as bearer token"}'
)
BACKLOG = 128
MOST_HEAD_BYTES = 64 * 1024

log = get_logger(__name__)


class TokenMiddleware:
    """Lets in who shows the token of an attempt that runs, and notes which attempt that is."""

    def __init__(self, app: ASGIApp, attempt_of: Callable[[str], Attempt | None]) -> None:
        self._app = app
        self._attempt_of = attempt_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, or answer 401."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        attempt = self._attempt_of(_bearer(scope))
        if attempt is None:
            await _refuse(send)
            return
        scope[ATTEMPT] = attempt
        await self._app(scope, receive, send)


def create_mcp_app(server: Server[Any], attempt_of: Callable[[str], Attempt | None], max_body_bytes: int) -> ASGIApp:
    """The ASGI application: stateless, so that an agent's session outlives a restart of the worker-agent."""
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        max_request_body_size=max_body_bytes,
        transport_security=TransportSecuritySettings(
            allowed_hosts=[*LOCAL, *(f"{host}:*" for host in LOCAL)],
            allowed_origins=[f"http://{host}:*" for host in LOCAL],
        ),
    )
    return TokenMiddleware(app, attempt_of)


def bind(preferred: int | None) -> socket.socket:
    """A listening socket on loopback: the preferred port if it is free, otherwise any."""
    for port in dict.fromkeys((preferred or 0, 0)):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            listening.close()
            log.warning("mcp_port_taken", port=port, error=str(error))
            continue
        listening.listen(BACKLOG)
        listening.setblocking(False)
        return listening
    raise OSError("there is no free port on loopback")


def url_of(listening: socket.socket) -> str:
    """The address that agents get."""
    return f"http://{HOST}:{listening.getsockname()[1]}{PATH}"


@asynccontextmanager
async def serving(app: ASGIApp, listening: socket.socket, most_connections: int) -> AsyncGenerator[None]:
    """Serve while the block runs; a connection beyond the most is answered with 503."""
    server = McpHttp(app, most_connections)
    running = asyncio.create_task(server.serve(sockets=[listening]), name="mcp-http")
    try:
        yield
    finally:
        server.should_exit = True
        await running


class BoundedHead(HttpToolsProtocol):
    """HTTP/1.1 whose request line and headers have a bound: the parser itself keeps whatever comes."""

    _head_bytes: int | None = None
    """Of the request whose headers are being read; None between them."""

    def data_received(self, data: bytes) -> None:
        """Read on, unless the headers go on for too long."""
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                log.warning("mcp_head_too_large", at_least_bytes=self._head_bytes)
                self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its headers are read."""
        self._head_bytes = None
        super().on_headers_complete()


class McpHttp(uvicorn.Server):
    """Uvicorn inside another server's life: it handles no signals."""

    def __init__(self, app: ASGIApp, most_connections: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="none",
                http=BoundedHead,
                limit_concurrency=most_connections,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                date_header=False,
                timeout_graceful_shutdown=1,
            )
        )

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals to the process's own server."""
        yield


def _bearer(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].decode("latin-1")
    return ""


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(REFUSAL)).encode()),
        (b"www-authenticate", b'Bearer error="invalid_token"'),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSAL})
