"""A service's real application on real servers, in the test's own event loop."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from servicekit.migrations import run_migrations
from servicekit.settings import ServiceSettings
from tests.support.serving import serving
from tests.support.waiting import eventually


@asynccontextmanager
async def running_service(
    create_app: Callable[[Any], FastAPI], settings: ServiceSettings, migrations: str, schema: str
) -> AsyncGenerator[httpx.AsyncClient]:
    """Migrate, serve, and wait until ready; the client's base address is the service's."""
    await run_migrations(migrations, schema, settings)
    async with serving(create_app(settings)) as url, httpx.AsyncClient(base_url=url, timeout=10) as client:

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await eventually(ready)
        yield client
