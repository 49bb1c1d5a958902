"""`mews report …`, as a user calls it, on a real gateway."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from devstack.cli.app import app
from devstack.errors import DevstackError
from tests.support.gateway import gateway
from tests.support.upstreams import World, upstreams


@pytest.fixture
def world() -> World:
    return World()


class Mews:
    """The command line, told by a variable where a gateway is."""

    def __init__(self, home: Path, url: str) -> None:
        self._env = {"MEWS_HOME": str(home), "MEWS_GATEWAY": url, "COLUMNS": "200"}

    async def __call__(self, *arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=self._env)


@pytest.fixture
async def mews(world: World, tmp_path: Path) -> AsyncIterator[Mews]:
    async with upstreams(world) as addresses, gateway(addresses) as url:
        yield Mews(tmp_path, url.removesuffix("/mcp"))


def last_asked(world: World) -> tuple[str, dict[str, Any]]:
    asked = urlsplit(world.asked[-1][1])
    return asked.path, parse_qs(asked.query)


async def test_every_report_is_reached_with_all_that_can_be_asked(mews: Mews, world: World) -> None:
    cases = [
        (
            ("performance", "comparative", "worker-1", "worker-2", "-m", "execution_time", "-m", "cost", "-n", "5"),
            "/v1/reports/performance",
            {"report_type": ["comparative"], "entity_id": ["worker-1", "worker-2"],
             "metrics": ["execution_time", "cost"], "time_range": ["last_24_hours"], "limit": ["5"]},
            "Performance report",
        ),
        (
            ("quality", "shop", "--entity", "repository", "-m", "coverage", "--range", "last_7_days"),
            "/v1/reports/quality",
            {"entity_type": ["repository"], "entity_id": ["shop"], "metrics": ["coverage"],
             "time_range": ["last_7_days"]},
            "Quality dashboard",
        ),
        (
            ("analytics", "task-1", "--entity", "task", "--type", "quality", "--metric", "tests"),
            "/v1/analytics",
            {"entity_type": ["task"], "entity_id": ["task-1"], "analytics_type": ["quality"], "metrics": ["tests"],
             "time_range": ["all"]},
            "Analytics",
        ),
        (
            ("decisions", "task-1", "--type", "technical", "--reasoning", "--cursor", "d1"),
            "/v1/reports/decisions",
            {"task_id": ["task-1"], "decision_type": ["technical"], "include_reasoning": ["true"], "cursor": ["d1"],
             "time_range": ["all"], "limit": ["20"]},
            "Decision analysis",
        ),
        (
            ("errors", "-s", "error", "-s", "critical", "--recovery", "--worker", "worker-1", "-r", "36h"),
            "/v1/reports/errors",
            {"severity_filter": ["error", "critical"], "include_recovery": ["true"], "worker_id": ["worker-1"],
             "time_range": ["36h"], "limit": ["20"]},
            "Error analysis",
        ),
    ]  # fmt: skip
    for arguments, path, query, head in cases:
        done = await mews("report", *arguments)
        assert done.exit_code == 0, done.output
        assert last_asked(world) == (path, query)
        assert done.stdout.startswith(head)


async def test_a_report_comes_as_json_too_and_its_refusal_is_told(mews: Mews) -> None:
    done = await mews("report", "errors", "--json")
    assert json.loads(done.stdout)["groups"][0]["error_type"] == "TimeoutError"
    refused = await mews("report", "errors", "--range", "last_moon")
    assert isinstance(refused.exception, DevstackError)
    assert "time_range: it is none of the allowed forms (given: last_moon); allowed: last_hour" in str(
        refused.exception
    )
