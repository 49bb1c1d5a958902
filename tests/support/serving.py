"""Serve an ASGI application on a free port of loopback, within the test's own event loop."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator

import uvicorn
from starlette.types import ASGIApp

from tests.support.certificates import Pair
from tests.support.waiting import eventually


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        # Signals belong to pytest.
        yield


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, shows: Pair | None = None) -> AsyncGenerator[str]:
    """The base address of `app`, which stops at the end of the block; with TLS if it shows a certificate."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        lifespan="on",
        log_config=None,
        ws="none",
        timeout_graceful_shutdown=1,
        ssl_certfile=shows.certificate if shows else None,
        ssl_keyfile=shows.key if shows else None,
    )
    server = _Quiet(config)
    socket = config.bind_socket()
    running = asyncio.create_task(server.serve([socket]))
    try:
        await eventually(lambda: server.started or running.done())
        if running.done():
            running.result()
            raise AssertionError("the application did not start")
        yield f"{'https' if shows else 'http'}://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        socket.close()
