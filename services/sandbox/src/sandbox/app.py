"""The composition root: builds everything, and the application around it."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from sandbox import problems, protections
from sandbox.api import files, health, processes, workspaces
from sandbox.api.services import Services
from sandbox.processes import sampler
from sandbox.processes.table import ProcessTable
from sandbox.settings import Settings
from sandbox.workspaces.git import Git, passed_on, write_configuration
from sandbox.workspaces.store import Workspaces

GIT_CONFIGURATION = ".gitconfig"

log = logging.getLogger(__name__)


def create_services(settings: Settings) -> Services:
    """Build what the endpoints work with; makes the workspace root."""
    environment = dict(os.environ)
    settings.workspace_root.mkdir(parents=True, exist_ok=True)
    host = protections.inspect_host(settings, environment)
    configuration = settings.workspace_root.resolve() / GIT_CONFIGURATION
    write_configuration(configuration)
    git = Git(host, configuration, settings.git_timeout_ms, passed_on(environment))
    return Services(settings, host, Workspaces(settings, git), ProcessTable(settings, host))


def create_app(services: Services) -> FastAPI:
    """The application; while it lives, running processes are watched, and with it they end."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        services.workspaces.prepare()
        watching = sampler.watch(services.processes, depth=services.host.depth, every_ms=services.settings.sample_ms)
        task = asyncio.create_task(watching, name="sampler")
        task.add_done_callback(_stop_without_it)
        try:
            yield
        finally:
            await services.processes.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    app = FastAPI(title="mews sandbox", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.services = services
    for router in (health.router, workspaces.router, processes.router, files.router):
        app.include_router(router)
    problems.install(app)
    return app


def _stop_without_it(task: asyncio.Task[None]) -> None:
    """Limits do not hold without the sampler, so the sandbox does not go on when it fails."""
    if not task.cancelled():
        log.critical("the sampler failed", exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)
