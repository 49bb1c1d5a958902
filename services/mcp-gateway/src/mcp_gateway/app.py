"""Composition root of the gateway: the only place where its parts meet."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from mcp_gateway.decisions.access import AuthMode
from mcp_gateway.mcp.authentication import ListedTokens
from mcp_gateway.mcp.catalogue import Catalogue, ToolEntry
from mcp_gateway.mcp.endpoint import Doors, build_endpoint
from mcp_gateway.mcp.measures import observe
from mcp_gateway.mcp.resources import Library, ResourceEntry
from mcp_gateway.mcp.server import Serving, build_server
from mcp_gateway.mcp.shelf import RESOURCES
from mcp_gateway.mcp.table import TOOLS
from mcp_gateway.ports import WaitLimits
from mcp_gateway.settings import Settings
from mcp_gateway.upstreams import open_upstreams
from servicekit.clock import Clock, SystemClock
from servicekit.health import Readiness
from servicekit.http import create_http_app

SERVICE = "mcp-gateway"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def create_app(
    settings: Settings,
    *,
    tools: Iterable[ToolEntry[Any, Any]] = TOOLS,
    resources: Iterable[ResourceEntry] = RESOURCES,
    clock: Clock | None = None,
) -> FastAPI:
    """The gateway with the tools and resources given; the product's own if none are."""
    clock = clock or SystemClock()
    serving = Serving(
        catalogue=Catalogue(tools),
        library=Library(resources),
        open_upstreams=lambda: open_upstreams(settings),
        wait=WaitLimits(longest_ms=settings.monitor_wait_ms, poll_ms=settings.monitor_poll_ms),
        monotonic=clock.monotonic,
        stopping=lambda: app.state.stopping.is_set(),
        observe=observe,
    )
    route, sessions = build_endpoint(build_server(serving, version(SERVICE)), _doors(settings))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with sessions.run():
            yield

    app = create_http_app(service=SERVICE, settings=settings, lifespan=lifespan, readiness=Readiness(clock))
    app.router.routes.append(route)
    return app


def _doors(settings: Settings) -> Doors:
    return Doors(
        verifier=ListedTokens(settings.tokens) if settings.auth_mode is AuthMode.token else None,
        allowed_hosts=[*_with_any_port(LOOPBACK), *settings.gateway_allowed_hosts],
        allowed_origins=[
            *_with_any_port(f"http://{host}" for host in LOOPBACK),
            *settings.gateway_allowed_origins,
        ],
        max_body_bytes=settings.max_body_bytes,
    )


def _with_any_port(hosts: Iterable[str]) -> list[str]:
    return [form for host in hosts for form in (host, f"{host}:*")]
