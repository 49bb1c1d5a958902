"""A service that starts before its migration, as on a fresh cluster, is ready as soon as its schema is there."""

from types import ModuleType

import httpx
import pytest

from analytics_query import app as analytics
from analytics_query.settings import Settings as AnalyticsSettings
from mcp_gateway import app as gateway
from mcp_gateway.settings import Settings as GatewaySettings
from orchestrator import app as orchestrator
from orchestrator.settings import Settings as OrchestratorSettings
from question_broker import app as questions
from question_broker.settings import Settings as QuestionSettings
from servicekit.metrics import REGISTRY
from servicekit.migrations import run_migrations
from servicekit.settings import ServiceSettings
from telemetry_ingest import app as telemetry
from telemetry_ingest.settings import Settings as TelemetrySettings
from tests.conftest import StackEnv
from tests.support.serving import serving
from tests.support.waiting import eventually

SERVICES: list[tuple[ModuleType, type[ServiceSettings]]] = [
    (orchestrator, OrchestratorSettings),
    (telemetry, TelemetrySettings),
    (analytics, AnalyticsSettings),
    (questions, QuestionSettings),
    (gateway, GatewaySettings),
]


def crashes() -> float:
    """Of loops, in this process."""
    families = [family for family in REGISTRY.collect() if family.name == "mews_loop_failures"]
    return sum(sample.value for family in families for sample in family.samples if sample.name.endswith("_total"))


@pytest.mark.parametrize(("room", "settings"), SERVICES, ids=[room.SCHEMA for room, _ in SERVICES])
async def test_no_loop_crashes_for_want_of_a_schema_and_none_makes_the_service_wait(
    room: ModuleType, settings: type[ServiceSettings], stack_env: StackEnv
) -> None:
    env = {name.lower(): value for name, value in stack_env(room.SCHEMA).items()}
    given = settings.model_validate(env | {"auth_mode": "local"})
    before = crashes()
    async with serving(room.create_app(given)) as url, httpx.AsyncClient(base_url=url, timeout=10) as http:

        async def checks() -> dict[str, str]:
            return (await http.get("/readyz")).json()["checks"]

        async def schema_is_missing() -> bool:
            return "was never migrated" in (await checks())["schema"]

        async def is_ready() -> bool:
            return set((await checks()).values()) == {"ok"}

        await eventually(schema_is_missing)
        await run_migrations(room.MIGRATIONS, room.SCHEMA, given)
        await eventually(is_ready)
    assert crashes() == before
