"""The server: a Unix socket that only allowed users get an answer on, and an orderly end."""

import asyncio
import errno
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox import problems
from sandbox.api.services import Services
from sandbox.errors import BodyTooLarge, LengthRequired, PeerRefused, SandboxError

PEER_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid
MB = 1024 * 1024
SOCKET_MODE = 0o660
CLOSE_S = 10
# Longer than a client keeps an idle connection, so that none is closed just as the client uses it again.
KEEP_ALIVE_S = 75


class PeerProtocol(HttpToolsProtocol):
    """HTTP that knows which user is at the other end: the kernel's word, taken when the connection is made."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the peer's uid where the application finds it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "peer_uid": peer_uid(transport.get_extra_info("socket"))}


class OnlyAllowedPeers:
    """Refuses every request of a user who is not allowed, before anything else looks at it."""

    def __init__(self, app: ASGIApp, allowed: tuple[int, ...]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        uid = scope.get("state", {}).get("peer_uid")
        if scope["type"] == "http" and uid not in self._allowed:
            refusal = problems.respond(PeerRefused(f"uid {uid} may not use this sandbox"))
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


class OnlySmallBodies:
    """Refuses JSON above a limit before it is read; other bodies are limited where they are streamed."""

    def __init__(self, app: ASGIApp, most_mb: int) -> None:
        self._app = app
        self._most = most_mb * MB

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] == "http" and scope["method"] in ("POST", "PATCH"):
            error = self._error(Headers(scope=scope))
            if error is not None:
                await problems.respond(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _error(self, headers: Headers) -> SandboxError | None:
        if "transfer-encoding" in headers:
            return LengthRequired("say how long the body is: a header Content-Length is needed")
        if int(headers.get("content-length", "0")) > self._most:
            return BodyTooLarge(f"the body is larger than {self._most // MB} MB")
        return None


class Server(uvicorn.Server):
    """Ends all processes first when it is told to stop, so that streams of their output come to their end."""

    def __init__(self, config: uvicorn.Config, before_shutdown: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._before_shutdown = before_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the processes, then the connections, then the application."""
        await self._before_shutdown()
        await super().shutdown(sockets)


def serve(app: FastAPI, services: Services) -> None:
    """Serve until SIGTERM or SIGINT; the socket is gone afterwards."""
    settings = services.settings
    config = uvicorn.Config(
        OnlyAllowedPeers(OnlySmallBodies(app, settings.max_body_mb), settings.allowed_uids),
        http=PeerProtocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=CLOSE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    listener = listen(settings.socket)
    server = Server(config, services.processes.close)
    _end_in_order_on_signals(server)
    try:
        server.run(sockets=[listener])
    finally:
        settings.socket.unlink(missing_ok=True)


def peer_uid(connection: socket.socket) -> int:
    """The uid of the process at the other end of a Unix socket, as the kernel noted it."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER_CREDENTIALS.size)
    return PEER_CREDENTIALS.unpack(data)[1]


def listen(path: Path) -> socket.socket:
    """A listening socket of mode 0660; a dead one that lies there is replaced, a living one is an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_dead(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~SOCKET_MODE)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(socket.SOMAXCONN)
    return listener


def _end_in_order_on_signals(server: uvicorn.Server) -> None:
    """Leave nothing to do for a signal but to stop the server, from before uvicorn looks out for signals.

    Uvicorn raises it again when it has stopped; the usual handlers would then end the process before the socket is
    removed.
    """

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _remove_dead(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise OSError(errno.EADDRINUSE, f"another sandbox listens on {path}")
