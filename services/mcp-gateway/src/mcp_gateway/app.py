"""Composition root of the gateway: the only place where its parts meet."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from mcp.server.request_state import RequestStateBoundary
from starlette.middleware import Middleware

from mcp_gateway.api import router
from mcp_gateway.api.door import Door, Hosts
from mcp_gateway.decisions.access import AuthMode
from mcp_gateway.handlers.admitting import Everybody, Guard
from mcp_gateway.mcp.briefings import PROMPTS
from mcp_gateway.mcp.catalogue import Catalogue, ToolEntry
from mcp_gateway.mcp.elicitation import seal_states
from mcp_gateway.mcp.endpoint import Doors, build_endpoint
from mcp_gateway.mcp.measures import observe
from mcp_gateway.mcp.prompts import PromptBook, PromptEntry
from mcp_gateway.mcp.resources import Library, ResourceEntry
from mcp_gateway.mcp.server import NAME, Serving, build_server
from mcp_gateway.mcp.shelf import RESOURCES
from mcp_gateway.mcp.subscriptions import ListenLimits, Subscriptions
from mcp_gateway.mcp.table import TOOLS
from mcp_gateway.ports import Admission, WaitLimits
from mcp_gateway.settings import Settings
from mcp_gateway.store import PostgresKeys
from mcp_gateway.subscriptions import hear_news
from mcp_gateway.upstreams import open_upstreams
from mcp_gateway.upstreams.deadletters import open_dead_letters
from servicekit.clock import Clock, SystemClock
from servicekit.health import Readiness
from servicekit.http import create_http_app
from servicekit.lifecycle import Background
from servicekit.logs import get_logger
from servicekit.pg import Database

SERVICE = "mcp-gateway"
SCHEMA = "gateway"
MIGRATIONS = "mcp_gateway.migrations"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# Live tails of calls that wait, beside those of clients that listen.
WAITING = 200

log = get_logger(__name__)


def create_app(
    settings: Settings,
    *,
    tools: Iterable[ToolEntry[Any, Any]] = TOOLS,
    resources: Iterable[ResourceEntry] = RESOURCES,
    prompts: Iterable[PromptEntry[Any]] = PROMPTS,
    clock: Clock | None = None,
) -> FastAPI:
    """The gateway with the tools, resources and prompts given; the product's own if none are."""
    clock = clock or SystemClock()
    subscriptions = Subscriptions(
        ListenLimits(settings.listen_streams, settings.listen_tasks, settings.listen_together_ms)
    )
    serving = Serving(
        catalogue=Catalogue(tools),
        library=Library(resources),
        prompts=PromptBook(prompts),
        subscriptions=subscriptions,
        boundary=_boundary(settings),
        open_upstreams=lambda: open_upstreams(settings, settings.listen_tasks + WAITING),
        wait=WaitLimits(longest_ms=settings.monitor_wait_ms, poll_ms=settings.monitor_poll_ms),
        monotonic=clock.monotonic,
        now=clock.now,
        stopping=lambda: app.state.stopping.is_set(),
        observe=observe,
    )
    route, sessions = build_endpoint(build_server(serving, version(SERVICE)), _doors(settings))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        # The pool opens its connections when they are asked for: without PostgreSQL only what needs it is refused.
        database = await Database.connect(settings, SCHEMA)
        app.state.keys = PostgresKeys(database)
        # Without the bus only news are missing: it is no reason to take no calls.
        async with sessions.run(), open_dead_letters(settings) as dead_letters, Background() as background:
            app.state.dead_letters = dead_letters
            background.start("telling", subscriptions.run)
            background.start("closing", lambda: subscriptions.close_on(app.state.stopping))
            background.start("news", lambda: hear_news(settings, SERVICE, subscriptions))
            yield
        await database.close()

    app = create_http_app(
        service=SERVICE,
        settings=settings,
        lifespan=lifespan,
        routers=[router],
        readiness=Readiness(clock),
        # Callers show a credential of their own here, not the token that services show each other.
        guarded=False,
    )
    app.state.clock = clock
    app.router.routes.append(route)
    # Innermost: what it refuses is measured, traced and told as a problem like all else.
    app.user_middleware.append(Middleware(Door, admission=_admission(settings), hosts=_hosts(settings)))
    return app


def _admission(settings: Settings) -> Admission:
    return Guard(settings.tokens) if settings.auth_mode is AuthMode.token else Everybody()


def _boundary(settings: Settings) -> RequestStateBoundary:
    if not settings.state_keys:
        log.warning("state_keys.random", meaning="no other process can go on with what this one asks a person")
    return seal_states(settings.state_keys, settings.gateway_state_ttl_ms / 1000, NAME)


def _hosts(settings: Settings) -> Hosts:
    return Hosts(
        allowed_hosts=[*_with_any_port(LOOPBACK), *settings.gateway_allowed_hosts],
        allowed_origins=[
            *_with_any_port(f"http://{host}" for host in LOOPBACK),
            *settings.gateway_allowed_origins,
        ],
    )


def _doors(settings: Settings) -> Doors:
    hosts = _hosts(settings)
    return Doors(
        allowed_hosts=list(hosts.allowed_hosts),
        allowed_origins=list(hosts.allowed_origins),
        max_body_bytes=settings.max_body_bytes,
    )


def _with_any_port(hosts: Iterable[str]) -> list[str]:
    return [form for host in hosts for form in (host, f"{host}:*")]
