"""What the gateway still shows when a service behind it is away."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from mcp.types import CallToolResult

from mcp_gateway.app import MIGRATIONS, SCHEMA, create_app
from servicekit.clock import SystemClock
from servicekit.migrations import run_migrations
from tests.support.fakes import FakeClock
from tests.support.gateway import client, gateway, gateway_settings
from tests.support.schema import settings_of
from tests.support.serving import serving
from tests.support.stack import Database, TestPostgres
from tests.support.upstreams import World, upstreams
from tests.support.views import example_facts, open_question, running_task

NOBODY = "http://127.0.0.1:9"
TASK = "task-abc123"


async def call(world: World, tool: str, arguments: dict[str, Any], **away: str) -> CallToolResult:
    async with (
        upstreams(world) as addresses,
        gateway(replace(addresses, **away)) as url,
        client(url, "2026-07-28") as manager,
    ):
        return await manager.call_tool(tool, arguments)


def known_world() -> World:
    world = World()
    world.put(running_task())
    world.facts[TASK] = example_facts()
    world.questions["q-1"] = open_question()
    return world


@pytest.mark.parametrize(
    ("away", "missing", "shown"),
    [
        ("analytics", "analytics-query", ["questions", "streams"]),
        ("telemetry", "telemetry-ingest", ["questions", "milestones", "analytics"]),
        ("questions", "question-broker", ["milestones", "streams", "analytics"]),
    ],
)
async def test_the_rest_is_shown_with_a_note(away: str, missing: str, shown: list[str]) -> None:
    arguments = {"task_id": TASK, "include_streams": True, "include_analytics": True}
    result = await call(known_world(), "monitor_task", arguments, **{away: NOBODY})
    report = result.structured_content
    assert not result.is_error
    assert report["status"] == "executing"
    assert all(part in report for part in shown)
    (note,) = report["notes"]
    assert missing in note


async def test_without_the_orchestrator_the_caller_is_told_which_service_and_to_try_again() -> None:
    result = await call(known_world(), "monitor_task", {"task_id": TASK}, orchestrator=NOBODY)
    assert result.is_error
    text = getattr(result.content[0], "text", "")
    assert "orchestrator does not answer" in text
    assert "try again" in text
    assert (result.meta or {})["mews/problem"]["code"] == "service_unavailable"


async def test_it_is_ready_once_its_schema_is_there_and_stays_so_when_postgresql_goes(
    postgres: TestPostgres, database: Database
) -> None:
    known = {name.lower(): value for name, value in database.env(SCHEMA).items()}
    clock = FakeClock(SystemClock().now())
    async with upstreams(World()) as addresses:
        app = create_app(gateway_settings(addresses, **known), clock=clock)
        async with serving(app) as url, httpx.AsyncClient(base_url=url) as http:

            async def says() -> tuple[int, str]:
                # What was said before stands no longer.
                clock.advance(2)
                answer = await http.get("/readyz")
                return answer.status_code, answer.json()["checks"]["schema"]

            assert await says() == (503, "schema gateway was never migrated; run `migrate`")
            await run_migrations(MIGRATIONS, SCHEMA, settings_of(database, SCHEMA))
            assert await says() == (200, "ok")
            postgres.stop()
            try:
                assert await says() == (200, "ok")
            finally:
                postgres.start()
