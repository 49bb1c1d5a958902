"""Serve an ASGI application on a free port of loopback, within the test's own event loop."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator

import uvicorn
from starlette.types import ASGIApp

from tests.support.waiting import eventually


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        # Signals belong to pytest.
        yield


@contextlib.asynccontextmanager
async def serving(app: ASGIApp) -> AsyncGenerator[str]:
    """The base address of `app`, which stops at the end of the block."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, lifespan="on", log_config=None, ws="none", timeout_graceful_shutdown=1
    )
    server = _Quiet(config)
    socket = config.bind_socket()
    running = asyncio.create_task(server.serve([socket]))
    try:
        await eventually(lambda: server.started or running.done())
        if running.done():
            running.result()
            raise AssertionError("the application did not start")
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        socket.close()
