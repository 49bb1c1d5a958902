"""A service of nothing but servicekit, for tests of how a process starts, serves and stops. Run it with -m."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import StreamingResponse

from servicekit.cache import Cache
from servicekit.clock import SystemClock
from servicekit.health import Readiness
from servicekit.http import create_http_app
from servicekit.lifecycle import Background
from servicekit.pg import Database
from servicekit.serving import main
from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of a service of its own."""

    cart_name: str = "cart"
    """A name."""
    close_delay_ms: int = 0
    """How long closing takes."""
    fail_at_start: bool = False
    """Whether the lifespan raises."""


def create_app(settings: Settings) -> FastAPI:
    """The composition root."""
    readiness = Readiness(SystemClock(), ttl_s=0.05)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        if settings.fail_at_start:
            raise RuntimeError("it does not start")
        database = await Database.connect(settings, "orchestrator")
        cache = Cache.connect(settings)
        readiness.add("postgres", database.check)
        readiness.add("redis", cache.check)
        async with Background(readiness) as loops:
            loops.start("tick", _tick)
            yield
        await asyncio.sleep(settings.close_delay_ms / 1000)
        await cache.close()
        await database.close()
        print("closed", flush=True)

    return create_http_app(service="carts", settings=settings, lifespan=lifespan, routers=[router], readiness=readiness)


router = APIRouter()


@router.get("/slow")
async def slow() -> str:
    """Answer after a while."""
    print("slow", flush=True)
    await asyncio.sleep(0.5)
    return "done"


@router.get("/live")
async def live(request: Request) -> StreamingResponse:
    """A stream without an end, but that of the process."""

    async def lines() -> AsyncIterator[str]:
        yield "data: begun\n\n"
        await request.app.state.stopping.wait()
        yield "data: over\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


async def _tick() -> None:
    await asyncio.Event().wait()


if __name__ == "__main__":
    main("carts", Settings, create_app, "tests.support.carts_migrations", "orchestrator")
