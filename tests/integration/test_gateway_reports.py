"""The manager's reports, called by the official client of both protocol eras, over a real HTTP service."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from mcp.types import CallToolResult

from contracts.base import Model
from tests.support.gateway import ERAS, client, gateway
from tests.support.reports import (
    analytics_of_task,
    comparative_report,
    decisions_of_day,
    errors_of_hour,
    quality_of_repository,
)
from tests.support.upstreams import Addresses, World, upstreams
from tests.support.waiting import eventually

NOBODY = "http://127.0.0.1:9"
CASES: list[tuple[str, dict[str, Any], str, dict[str, list[str]], Model, str]] = [
    (
        "get_analytics",
        {
            "entity_type": "task",
            "entity_id": "task-abc123",
            "analytics_type": "quality",
            "metrics": ["tests", "memory"],
        },
        "/v1/analytics",
        {
            "entity_type": ["task"],
            "entity_id": ["task-abc123"],
            "analytics_type": ["quality"],
            "metrics": ["tests", "memory"],
            "time_range": ["all"],
        },
        analytics_of_task(),
        "Analytics: task task-abc123\n",
    ),
    (
        "performance_report",
        {
            "report_type": "comparative",
            "entity_ids": ["worker-1", "worker-2", "worker-3"],
            "metrics": ["execution_time", "success_rate", "resource_usage"],
        },
        "/v1/reports/performance",
        {
            "report_type": ["comparative"],
            "entity_id": ["worker-1", "worker-2", "worker-3"],
            "metrics": ["execution_time", "success_rate", "resource_usage"],
            "time_range": ["last_24_hours"],
            "limit": ["20"],
        },
        comparative_report(),
        "Performance report (comparative): worker worker-1, worker-2, worker-3\n",
    ),
    (
        "quality_dashboard",
        {"entity_type": "repository", "entity_id": ["shop"], "metrics": "all"},
        "/v1/reports/quality",
        {"entity_type": ["repository"], "entity_id": ["shop"], "metrics": ["all"], "time_range": ["last_30_days"]},
        quality_of_repository(),
        "Quality dashboard: repository shop\n",
    ),
    (
        "analyze_decisions",
        {"decision_type": "technical", "include_reasoning": True, "time_range": "36h", "cursor": "d1", "limit": 2},
        "/v1/reports/decisions",
        {
            "decision_type": ["technical"],
            "include_reasoning": ["true"],
            "time_range": ["36h"],
            "cursor": ["d1"],
            "limit": ["2"],
        },
        decisions_of_day(),
        "Decision analysis: 33 decisions\n",
    ),
    (
        "error_analysis",
        {"time_range": "last_hour", "severity_filter": "error", "include_recovery": True, "worker_id": "worker-1"},
        "/v1/reports/errors",
        {
            "time_range": ["last_hour"],
            "severity_filter": ["error"],
            "include_recovery": ["true"],
            "worker_id": ["worker-1"],
            "limit": ["20"],
        },
        errors_of_hour(),
        "Error analysis: 48 errors\n",
    ),
]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def addresses(world: World) -> AsyncGenerator[Addresses]:
    async with upstreams(world) as found:
        yield found


def text_of(result: CallToolResult) -> str:
    return getattr(result.content[0], "text", "")


@pytest.mark.parametrize("era", ERAS)
async def test_every_report_is_asked_for_as_it_was_given_and_answered_in_text_and_structure(
    addresses: Addresses, world: World, era: str
) -> None:
    async with gateway(addresses) as url, client(url, era) as manager:
        for tool, arguments, path, query, made, head in CASES:
            result = await manager.call_tool(tool, arguments)
            assert not result.is_error, text_of(result)
            asked = urlsplit(world.asked[-1][1])
            assert (asked.path, parse_qs(asked.query)) == (path, query)
            assert result.structured_content == made.to_dict()
            assert text_of(result).startswith(head)


async def test_a_period_that_is_none_is_refused_with_the_allowed_forms(addresses: Addresses) -> None:
    async with gateway(addresses) as url, client(url, "2026-07-28") as manager:
        result = await manager.call_tool("error_analysis", {"time_range": "last_moon"})
    assert result.is_error
    assert (
        "time_range: it is none of the allowed forms (given: last_moon); allowed: last_hour, last_24_hours"
        in text_of(result)
    )
    problem = (result.meta or {})["mews/problem"]
    assert (problem["status"], problem["code"], problem["errors"][0]["field"]) == (422, "invalid_input", "time_range")


@pytest.mark.parametrize("era", ERAS)
async def test_a_slow_report_says_that_it_is_being_made(addresses: Addresses, world: World, era: str) -> None:
    told: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        assert (progress, total) == (len(told) + 1, None)
        told.append(message or "")

    world.reports.held = asyncio.Event()
    async with gateway(addresses) as url, client(url, era) as manager, asyncio.TaskGroup() as group:
        call = group.create_task(manager.call_tool("performance_report", {}, progress_callback=on_progress))
        await eventually(lambda: len(told) >= 2)
        world.reports.held.set()
        result = await call
    assert result.structured_content == comparative_report().to_dict()
    assert told[0].startswith("the performance report is being made")


async def test_without_analytics_query_the_caller_is_told_so_and_to_try_again(addresses: Addresses) -> None:
    async with gateway(replace(addresses, analytics=NOBODY)) as url, client(url, "2026-07-28") as manager:
        for tool, arguments, *_ in CASES:
            result = await manager.call_tool(tool, arguments)
            assert result.is_error
            assert "analytics-query does not answer" in text_of(result)
            assert "try again" in text_of(result)
            assert (result.meta or {})["mews/problem"]["code"] == "service_unavailable"
