"""The gateway before the four real services, on real servers."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import analytics_query.settings as analytics_settings
import orchestrator.settings as orchestrator_settings
import question_broker.settings as questions_settings
import telemetry_ingest.settings as telemetry_settings
from analytics_query import app as analytics
from mcp_gateway import app
from mcp_gateway.settings import Settings
from orchestrator import app as orchestrator
from question_broker import app as questions
from servicekit.migrations import run_migrations
from telemetry_ingest import app as telemetry
from tests.conftest import StackEnv
from tests.support.gateway import gateway
from tests.support.running import running_service
from tests.support.upstreams import Addresses

ROOMS = (
    (orchestrator, orchestrator_settings),
    (telemetry, telemetry_settings),
    (analytics, analytics_settings),
    (questions, questions_settings),
)
FAST = {"schedule_tick_ms": 20, "watch_tick_ms": 50}


@asynccontextmanager
async def whole_gateway(stack_env: StackEnv) -> AsyncGenerator[str]:
    """The address of its MCP endpoint."""
    async with four_services(stack_env) as addresses, before_them(stack_env, addresses) as url:
        yield url


@asynccontextmanager
async def four_services(stack_env: StackEnv) -> AsyncGenerator[Addresses]:
    """The services behind the gateway, migrated and ready."""
    async with AsyncExitStack() as stack:
        found: list[str] = []
        for room, settings in ROOMS:
            env = {name.lower(): value for name, value in stack_env(room.SCHEMA).items()}
            given = settings.Settings.model_validate(env | FAST)
            service = running_service(room.create_app, given, room.MIGRATIONS, room.SCHEMA)
            found.append(str((await stack.enter_async_context(service)).base_url))
        yield Addresses(*found)


@asynccontextmanager
async def before_them(stack_env: StackEnv, addresses: Addresses, monitor_wait_ms: int = 30_000) -> AsyncGenerator[str]:
    """The address of the MCP endpoint of a gateway before services that run."""
    servers = {name.lower(): value for name, value in stack_env(app.SCHEMA).items()}
    await run_migrations(app.MIGRATIONS, app.SCHEMA, Settings.model_validate(servers | {"auth_mode": "local"}))
    async with gateway(addresses, monitor_wait_ms=monitor_wait_ms, **servers) as url:
        yield url
