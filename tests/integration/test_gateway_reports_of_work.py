"""The reports of a manager on the real services: their figures follow from what a worker said of its task."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from mcp import Client

from contracts.tasks import Assignment
from servicekit.bus import Bus
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.fleet import HandWorker
from tests.support.gateway import client
from tests.support.stack import TestNats
from tests.support.views import example_outcome
from tests.support.waiting import eventually
from tests.support.whole_gateway import whole_gateway

SAID: list[tuple[str, dict[str, Any]]] = [
    ("analytics", {"analytics_type": "quality", "data": {"test_coverage": 92}}),
    ("tests", {"test_suite": "auth", "results": {"total": 10, "passed": 8, "failed": 2}}),
    ("quality", {"file_path": "auth.py", "metrics": {"cyclomatic_complexity": 4.5, "maintainability_index": 78.25}}),
    ("decision", {"decision_type": "architectural", "chosen_option": "rotate", "reasoning": "theft"}),
    ("decision", {"decision_type": "tooling", "chosen_option": "authlib", "reasoning": "kept well"}),
    ("error", {"error_type": "ImportError", "message": "No module named jwt", "severity": "warning"}),
    (
        "error",
        {
            "error_type": "ImportError",
            "message": "No module named jwt",
            "severity": "warning",
            "recovery_attempted": True,
            "recovery_successful": True,
            "recovery_strategy": "Install it.",
        },
    ),
    ("error", {"error_type": "timeout", "message": "the tests took too long", "severity": "critical"}),
    ("completion", {"status": "completed", "summary": {"overview": "JWT is in"}}),
]
FIGURES = {
    "performance_report": {"tasks_finished": 1, "completion_rate": 100, "error_rate": 0, "attempt_success_rate": 100},
    "quality_dashboard": {
        "tests_run": 10,
        "tests_failed": 2,
        "test_pass_rate": 80,
        "cyclomatic_complexity": 4.5,
        "maintainability_index": 78.25,
    },
}


@pytest.fixture
async def url(stack_env: StackEnv) -> AsyncGenerator[str]:
    async with whole_gateway(stack_env) as found:
        yield found


@pytest.fixture
async def bus(nats_server: TestNats) -> AsyncGenerator[Bus]:
    async with a_bus(nats_server) as connected:
        yield connected


async def a_worker(manager: Client, bus: Bus) -> HandWorker:
    """A worker that the gateway shows."""
    worker = await HandWorker(bus, "worker-1").start()

    async def shown() -> bool:
        return bool((await answer(manager, "manage_workers", action="list"))["workers"])

    await eventually(shown)
    await worker.beat()
    return worker


async def answer(manager: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await manager.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content or {}


async def work(worker: HandWorker, held: Assignment) -> None:
    """Say all of it, and end."""
    await worker.progress(held)
    now = datetime.now(UTC)  # noqa: TID251
    await worker.producer.send(*(worker.event(kind, body, held, occurred_at=now) for kind, body in SAID))
    outcome = example_outcome().to_dict()
    await worker.end(held, **{name: outcome[name] for name in ("claimed", "observed", "verified")})


def gist(tool: str, report: dict[str, Any]) -> Any:
    """What must follow from what was said."""
    match tool:
        case "get_analytics":
            return report["data"].get("quality")
        case "analyze_decisions":
            told = [(one["decision_type"], one["reasoning"], one.get("outcome")) for one in report["decisions"]]
            return sorted(told), {one["decision_type"]: (one["count"], one["completed"]) for one in report["patterns"]}
        case "error_analysis":
            groups = [(one["error_type"], one["count"], one["tasks_affected"]) for one in report["groups"]]
            recovered = [(one["strategy"], one["tried"], one["successful"]) for one in report["strategies"]]
            return report["total"], report["by_severity"], groups, recovered
        case _:
            figures = [figure for section in report["sections"] for figure in section["figures"]]
            return {figure["name"]: figure["value"] for figure in figures if figure["name"] in FIGURES[tool]}


def expected_of(task_id: str) -> list[tuple[str, dict[str, Any], Any]]:
    """Each tool, how it is asked, and the gist of its report."""
    decisions = [("architectural", "theft", "completed"), ("tooling", "kept well", "completed")]
    groups = [("ImportError", 2, 1), ("timeout", 1, 1)]
    task = {"entity_id": task_id}
    return [
        ("get_analytics", {"entity_type": "task", **task}, {"test_coverage": 92}),
        ("performance_report", {"report_type": "task", **task}, FIGURES["performance_report"]),
        ("quality_dashboard", {"entity_type": "task", **task}, FIGURES["quality_dashboard"]),
        (
            "analyze_decisions",
            {"task_id": task_id, "include_reasoning": True},
            (decisions, {"architectural": (1, 1), "tooling": (1, 1)}),
        ),
        (
            "error_analysis",
            {"include_recovery": True},
            (3, {"warning": 2, "critical": 1}, groups, [("install it", 1, 1)]),
        ),
    ]


async def test_all_reports_say_what_follows_from_what_a_worker_said(url: str, bus: Bus) -> None:
    async with client(url, "2026-07-28") as manager:
        worker = await a_worker(manager, bus)
        task_id = (await answer(manager, "assign_task", description="Add JWT"))["task_id"]
        await work(worker, await worker.take())
        for tool, arguments, expected in expected_of(task_id):
            await becomes(manager, tool, arguments, expected)


async def becomes(manager: Client, tool: str, arguments: dict[str, Any], expected: Any) -> None:
    """Wait until a report says it; fail with what it says instead."""
    found: Any = None

    async def is_known() -> bool:
        nonlocal found
        found = gist(tool, await answer(manager, tool, **arguments))
        return found == expected

    with suppress(AssertionError):
        await eventually(is_known)
    assert found == expected, tool
