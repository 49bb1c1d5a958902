"""The composition root: builds everything, and the application around it."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager

from fastapi import FastAPI

from sandbox import problems, protections
from sandbox.api import document, files, health, processes, workspaces
from sandbox.api.services import Services
from sandbox.processes import disk, sampler
from sandbox.processes.table import ProcessTable
from sandbox.reap import collect_orphans
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
        protections.warn_of_what_is_off(protections.readiness(services.settings, services.host))
        services.workspaces.prepare()
        services.processes.restore(services.workspaces.layouts())
        tasks = [asyncio.create_task(watching) for watching in _watches(services)]
        for task in tasks:
            task.add_done_callback(_stop_without_it)
        try:
            yield
        finally:
            await services.processes.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    app = FastAPI(
        title="mews sandbox",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=document.PROBLEMS,
    )
    app.state.services = services
    for router in (health.router, workspaces.router, processes.router, files.router):
        app.include_router(router)
    problems.install(app)
    document.describe(app)
    return app


def _watches(services: Services) -> tuple[Coroutine[None, None, None], ...]:
    """What goes on all the time: the sampling of processes and of their disk, and the collecting of orphans."""
    table, every_ms = services.processes, services.settings.sample_ms
    return (
        sampler.watch(table, depth=services.host.depth, every_ms=every_ms),
        disk.watch(table, every_ms=every_ms),
        collect_orphans(),
    )


def _stop_without_it(task: asyncio.Task[None]) -> None:
    """Limits do not hold without what watches them, so the sandbox does not go on when that fails."""
    if not task.cancelled():
        log.critical("the watch over processes failed", exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)
