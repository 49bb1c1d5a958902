"""The HTTP side that all services share."""

import asyncio
import importlib.metadata
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from servicekit.auth import DEFAULT_CALLERS, Admission, Callers
from servicekit.health import Readiness
from servicekit.http.middleware import BodyLimitMiddleware, HeadLimitMiddleware, MetricsMiddleware, TraceMiddleware
from servicekit.http.openapi import describe_bodies
from servicekit.http.problems import ProblemMiddleware, on_http_exception, on_invalid_request
from servicekit.http.strict import refuse_unknown_query
from servicekit.metrics import BUILD_INFO, metrics_response
from servicekit.settings import ServiceSettings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


@dataclass(frozen=True)
class Admitting:
    """A router, and the callers that are admitted to it."""

    router: APIRouter
    callers: tuple[str, ...]


def admitting(router: APIRouter, *callers: str) -> Admitting:
    """Admit these callers to the router's routes, and no others."""
    return Admitting(router, callers)


def create_http_app(
    *,
    service: str,
    settings: ServiceSettings,
    lifespan: Lifespan | None = None,
    routers: Sequence[APIRouter | Admitting] = (),
    readiness: Readiness,
    guarded: bool = True,
) -> FastAPI:
    """The application of a service: its routers, probes, metrics, limits, and errors as problem details.

    `guarded` admits known callers alone (SERVICE_CALLERS): the gateway, where a router does not say otherwise.
    `app.state` has `settings`, `readiness`, and `stopping`, an asyncio.Event that is set when the process is told to
    stop: open streams end on it.
    """
    app = FastAPI(
        title=service,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        routes=_probes(service, readiness),
        middleware=_middleware(settings),
        exception_handlers={RequestValidationError: on_invalid_request, HTTPException: on_http_exception},
        telemetry={"operation_spans": False, "exclude": lambda scope: scope.get("path") in PROBES},
    )
    BUILD_INFO.labels(service, _version(service)).set(1)
    app.state.settings = settings
    app.state.readiness = readiness
    app.state.stopping = asyncio.Event()
    callers = Callers.of(settings) if guarded and routers else Callers()
    for one in routers:
        part = one if isinstance(one, Admitting) else Admitting(one, DEFAULT_CALLERS)
        describe_bodies(app, part.router)
        doors = [Depends(Admission(callers, part.callers)), Depends(refuse_unknown_query)]
        app.include_router(part.router, dependencies=doors)
    return app


def _version(service: str) -> str:
    try:
        return importlib.metadata.version(service)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _middleware(settings: ServiceSettings) -> list[Middleware]:
    return [
        Middleware(TraceMiddleware),
        Middleware(MetricsMiddleware),
        Middleware(ProblemMiddleware),
        Middleware(HeadLimitMiddleware, headers=settings.max_header_bytes, url=settings.max_url_bytes),
        Middleware(BodyLimitMiddleware, limit=settings.max_body_bytes),
    ]


def _probes(service: str, readiness: Readiness) -> list[BaseRoute]:
    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "service": service})

    async def readyz(_request: Request) -> Response:
        report = await readiness.report()
        checks = {name: reason or "ok" for name, reason in report.checks.items()}
        body = {"status": "ready" if report.ready else "not ready", "service": service, "checks": checks}
        return JSONResponse(body, 200 if report.ready else 503)

    async def metrics(_request: Request) -> Response:
        # What it says is part of the metrics, and nobody else may have asked.
        await readiness.report()
        return metrics_response()

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
