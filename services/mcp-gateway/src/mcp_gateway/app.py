"""Composition root of the gateway: the only place where its parts meet."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from fastapi import FastAPI
from mcp.server.request_state import RequestStateBoundary
from starlette.middleware import Middleware
from starlette.routing import Route

from contracts.access import IssuedApiKey, NewApiKey
from contracts.audit import AuditVerification
from mcp_gateway import loops
from mcp_gateway.api import router
from mcp_gateway.api.auditing import AdminAudit, TurnedAwayAudit
from mcp_gateway.api.door import Challenge, Door, DoorSettings, Hosts
from mcp_gateway.api.metadata import metadata_routes
from mcp_gateway.decisions.access import AuthMode
from mcp_gateway.decisions.issuers import resource_path
from mcp_gateway.domain.audit import Head
from mcp_gateway.errors import Unavailable
from mcp_gateway.handlers import keys
from mcp_gateway.handlers.admitting import Everybody, Guard
from mcp_gateway.handlers.audit.calls import CallAudit
from mcp_gateway.handlers.audit.keeping import HeadTeller
from mcp_gateway.handlers.audit.recording import Recorder
from mcp_gateway.handlers.audit.turning import TurnedAway
from mcp_gateway.handlers.audit.verifying import verify_all
from mcp_gateway.handlers.keyring import KeyRing
from mcp_gateway.handlers.limiting import LocalBuckets, SharedLimits, Unlimited
from mcp_gateway.handlers.tokens import IssuedTokens
from mcp_gateway.mcp.auditing import Audited
from mcp_gateway.mcp.briefings import PROMPTS
from mcp_gateway.mcp.catalogue import Catalogue, ToolEntry
from mcp_gateway.mcp.elicitation import seal_states
from mcp_gateway.mcp.endpoint import Doors, build_endpoint
from mcp_gateway.mcp.measures import count_limited, count_refused, observe
from mcp_gateway.mcp.prompts import PromptBook, PromptEntry
from mcp_gateway.mcp.resources import Library, ResourceEntry
from mcp_gateway.mcp.server import NAME, Serving, build_server
from mcp_gateway.mcp.shelf import RESOURCES
from mcp_gateway.mcp.subscriptions import ListenLimits, Subscriptions
from mcp_gateway.mcp.table import TOOLS
from mcp_gateway.ports import Admission, Limits, WaitLimits
from mcp_gateway.settings import Settings
from mcp_gateway.store import OwnDeadLetters, PostgresAuditReader, PostgresAuditWriter, PostgresKeys
from mcp_gateway.subscriptions import audit_decisions, hear_news
from mcp_gateway.upstreams import open_upstreams
from mcp_gateway.upstreams.deadletters import open_dead_letters
from mcp_gateway.upstreams.issuers import open_signing_keys
from servicekit.bus import DeadLetters
from servicekit.clock import Clock, SystemClock
from servicekit.deadletters import DeadLetterDesk
from servicekit.health import Readiness, once
from servicekit.http import create_http_app
from servicekit.ids import new_id
from servicekit.lifecycle import Background
from servicekit.logs import get_logger
from servicekit.migrations import schema_check
from servicekit.pg import Database
from servicekit.retention import Policy, Retention, dead_letter_policies, inbox_policy

SERVICE = "mcp-gateway"
SCHEMA = "gateway"
MIGRATIONS = "mcp_gateway.migrations"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# Live tails of calls that wait, beside those of clients that listen.
WAITING = 200

DATABASE_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)

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
    readiness = Readiness(clock)
    subscriptions = Subscriptions(
        ListenLimits(settings.listen_streams, settings.listen_tasks, settings.listen_together_ms)
    )
    catalogue = Catalogue(tools)
    serving = Serving(
        catalogue=catalogue,
        library=Library(resources),
        prompts=PromptBook(prompts),
        subscriptions=subscriptions,
        audited=Audited(lambda: app.state.audited_calls, catalogue, clock),
        boundary=_boundary(settings),
        open_upstreams=lambda: open_upstreams(settings, settings.listen_tasks + WAITING),
        wait=WaitLimits(longest_ms=settings.monitor_wait_ms, poll_ms=settings.monitor_poll_ms),
        monotonic=clock.monotonic,
        now=clock.now,
        stopping=lambda: app.state.stopping.is_set(),
        take=lambda principal, effect: app.state.limits.take(principal, effect),
        has_ended=lambda principal: app.state.admission.has_ended(principal),
        observe=observe,
    )
    route, sessions = build_endpoint(build_server(serving, version(SERVICE)), _doors(settings, catalogue))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        # The pool opens its connections when they are asked for: without PostgreSQL only what needs it is refused.
        database = await Database.connect(settings, SCHEMA)
        # Once it was there, calls go on without PostgreSQL: an outage is no reason to send them away.
        schema = once(schema_check(database, MIGRATIONS))
        readiness.add("schema", schema)
        app.state.keys = PostgresKeys(database)
        app.state.key_ring = KeyRing(app.state.keys, clock, settings.gateway_key_keep_ms / 1000)
        # Without the bus only news are missing: it is no reason to take no calls.
        async with (
            # Last to end: whatever is still called has its entry written.
            Background() as recording,
            _admission(settings, clock, app.state.key_ring) as app.state.admission,
            _limits(settings, clock, readiness) as app.state.limits,
            open_dead_letters(settings) as others,
            sessions.run(),
            Background() as background,
            Background(begin_when=schema) as storing,
        ):
            dead_letters = DeadLetters(database.pool, SERVICE)
            desk = DeadLetterDesk(database, dead_letters, clock)
            app.state.dead_letters = {**others, SERVICE: OwnDeadLetters(desk)}
            _start_audit(app, settings, database, clock, recording, storing)
            storing.start(
                "audit-decisions", lambda: audit_decisions(settings, SERVICE, app.state.audit_writer, dead_letters)
            )
            storing.start("dead letters", desk.watch)
            retention = Retention(database, clock, SERVICE, _policies(settings), settings.retention_tick_ms)
            storing.start("retention", retention.run)
            background.start("telling", subscriptions.run)
            background.start("closing", lambda: subscriptions.close_on(app.state.stopping))
            background.start("news", lambda: hear_news(settings, SERVICE, subscriptions))
            tick_ms, has_ended = settings.gateway_key_check_ms, app.state.admission.has_ended
            background.start("keys", loops.confirm_keys(app.state.key_ring, tick_ms))
            background.start("streams", loops.end_streams(lambda: subscriptions.end_ended(has_ended), tick_ms))
            yield
        with suppress(Unavailable):
            await app.state.key_ring.write()
        await database.close()

    app = create_http_app(
        service=SERVICE,
        settings=settings,
        lifespan=lifespan,
        routers=[router],
        readiness=readiness,
        # Callers show a credential of their own here, not the token that services show each other.
        guarded=False,
    )
    app.state.clock, app.state.tool_roles = clock, catalogue.least_roles
    app.router.routes.extend([route, *_metadata(settings)])
    # Innermost: what it refuses is measured, traced and told as a problem like all else.
    app.user_middleware.append(Middleware(TurnedAwayAudit))
    app.user_middleware.append(Middleware(Door, settings=_door(settings)))
    app.user_middleware.append(Middleware(AdminAudit, clock=clock))
    return app


def _policies(settings: Settings) -> list[Policy]:
    return [*dead_letter_policies(settings), inbox_policy(settings.inbox_retention_days)]


def _start_audit(
    app: FastAPI,
    settings: Settings,
    database: Database,
    clock: Clock,
    recording: Background,
    storing: Background,
) -> None:
    writer, reader = PostgresAuditWriter(database, clock), PostgresAuditReader(database)
    recorder = Recorder(writer, clock, settings.recording_policy, new_id("gateway"))
    turned_away = TurnedAway(recorder, clock)
    app.state.audit, app.state.audit_writer, app.state.turned_away = reader, writer, turned_away
    app.state.audited_calls = CallAudit(recorder, settings.audit_bounds, clock.monotonic)
    if settings.audit_required:
        app.state.readiness.add("audit", recorder.check)
    recording.start("audit", recorder.run)
    storing.start("audit-window", loops.close_windows(turned_away))
    storing.start("audit-months", loops.keep_audit_months(writer, settings.audit_retention_days, clock))
    storing.start("audit-head", loops.tell_audit_head(HeadTeller(reader), settings.audit_head_every_ms))


@asynccontextmanager
async def _admission(settings: Settings, clock: Clock, ring: KeyRing) -> AsyncGenerator[Admission]:
    if settings.auth_mode is AuthMode.local:
        yield Everybody()
        return
    async with AsyncExitStack() as stack:
        tokens, policy = None, settings.token_policy
        if policy is not None:
            opened = open_signing_keys(policy.issuers, settings.key_ages, clock.monotonic)
            tokens = IssuedTokens(await stack.enter_async_context(opened), policy, clock)
        failures = LocalBuckets(clock.monotonic)
        yield Guard(settings.tokens, ring, tokens, failures, settings.allowed_failures, count_refused)


@asynccontextmanager
async def _limits(settings: Settings, clock: Clock, readiness: Readiness) -> AsyncGenerator[Limits]:
    if settings.auth_mode is AuthMode.local:
        yield Unlimited()
        return
    # Only here: a gateway without limits need not load the client of Redis.
    from mcp_gateway.cache import RedisBuckets
    from servicekit.cache import Cache

    cache = Cache.connect(settings)
    readiness.add("redis", cache.ready, advisory=True)
    try:
        yield SharedLimits(
            RedisBuckets(cache, settings.rate_limit_answers_within_ms / 1000),
            settings.rates,
            clock.monotonic,
            count_limited,
        )
    finally:
        await cache.close()


def _door(settings: Settings) -> DoorSettings:
    policy, resource = settings.token_policy, settings.gateway_resource_url
    metadata_url = None
    if policy is not None and resource is not None:
        metadata_url = urlsplit(resource)._replace(path=resource_path(resource), query="").geturl()
    return DoorSettings(_hosts(settings), Challenge(metadata_url, policy), settings.trusted_proxies)


def _metadata(settings: Settings) -> list[Route]:
    policy, resource = settings.token_policy, settings.gateway_resource_url
    return metadata_routes(resource, policy) if policy is not None and resource is not None else []


async def create_key(settings: Settings, new: NewApiKey, created_by: str) -> IssuedApiKey:
    """Make an API key straight in the database: the first one, when nobody can call yet. Raises GatewayError."""
    database = await Database.connect(settings, SCHEMA)
    try:
        tools = Catalogue(TOOLS).least_roles
        return await keys.create(new_id("key"), new, created_by, tools, PostgresKeys(database), SystemClock().now())
    finally:
        await database.close()


async def verify_audit(settings: Settings, known: Sequence[Head]) -> AuditVerification:
    """Verify the whole audit log straight in the database. Raises DATABASE_ERRORS."""
    database = await Database.connect(settings, SCHEMA)
    entries = 0
    try:
        async for part in verify_all(PostgresAuditReader(database), known):
            entries += part.entries
            if part.complete:
                return part.model_copy(update={"entries": entries})
    finally:
        await database.close()
    raise AssertionError("the last part is complete")


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


def _doors(settings: Settings, catalogue: Catalogue) -> Doors:
    hosts = _hosts(settings)
    return Doors(
        needs_of=catalogue.needs,
        allowed_hosts=list(hosts.allowed_hosts),
        allowed_origins=list(hosts.allowed_origins),
        max_body_bytes=settings.max_body_bytes,
    )


def _with_any_port(hosts: Iterable[str]) -> list[str]:
    return [form for host in hosts for form in (host, f"{host}:*")]
