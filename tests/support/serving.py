"""Serve an ASGI application on a free port of loopback, within the test's own event loop."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator, Iterable

import uvicorn
from starlette.types import ASGIApp

from tests.support.certificates import Pair
from tests.support.waiting import eventually


class _Quiet(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        # Signals belong to pytest.
        yield

    async def main_loop(self) -> None:
        # Uvicorn's own looks every 100 ms whether it is to stop.
        await self.on_tick(0)
        await self._stopping.wait()

    def stop(self) -> None:
        self.should_exit = True
        self._stopping.set()


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, shows: Pair | None = None) -> AsyncGenerator[str]:
    """The base address of `app`, which stops at the end of the block; with TLS if it shows a certificate."""
    async with serving_all([app], shows) as [address]:
        yield address


@contextlib.asynccontextmanager
async def serving_all(apps: Iterable[ASGIApp], shows: Pair | None = None) -> AsyncGenerator[list[str]]:
    """The base addresses of several, which stop together: each takes 100 ms to do so."""
    servers = [_Quiet(_config(app, shows)) for app in apps]
    sockets = [server.config.bind_socket() for server in servers]
    running = [asyncio.create_task(server.serve([each])) for server, each in zip(servers, sockets, strict=True)]
    try:
        await eventually(lambda: all(server.started for server in servers) or any(task.done() for task in running))
        for task in running:
            if task.done():
                task.result()
                raise AssertionError("the application did not start")
        yield [f"{'https' if shows else 'http'}://127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    finally:
        for server in servers:
            server.stop()
        await asyncio.gather(*running)
        for each in sockets:
            each.close()


def _config(app: ASGIApp, shows: Pair | None) -> uvicorn.Config:
    return uvicorn.Config(
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
