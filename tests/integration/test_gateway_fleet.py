"""manage_workers on a real orchestrator and a real worker-agent: each action is seen in the worker afterwards."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from mcp import Client

from tests.conftest import StackEnv
from tests.support.gateway import client
from tests.support.other_side import WORKER
from tests.support.sandbox import SandboxServer
from tests.support.stack import TestNats
from tests.support.waiting import eventually
from tests.support.whole_gateway import whole_gateway
from tests.support.worker_agent import WorkerProcess, worker_process

TICKING = "while true; do echo tick >> {marks}; sleep 0.05; done"


@pytest.fixture
async def url(stack_env: StackEnv) -> AsyncGenerator[str]:
    async with whole_gateway(stack_env) as found:
        yield found


@pytest.fixture
async def worker(
    url: str, tmp_path: Path, nats_server: TestNats, sandbox: SandboxServer
) -> AsyncGenerator[WorkerProcess]:
    assert url, "the streams are declared by the services"
    tuned = {"PAUSE_GRACE_MS": "200", "MAX_CONCURRENT_TASKS": "2", "WORKER_TAGS": "first"}
    with worker_process(tmp_path, nats_server, sandbox, **tuned) as started:
        await started.ready()
        yield started


class Fleet:
    """What a manager does and sees."""

    def __init__(self, manager: Client) -> None:
        self._manager = manager

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result = await self._manager.call_tool(tool, arguments)
        assert not result.is_error, getattr(result.content[0], "text", "")
        assert result.structured_content is not None
        return result.structured_content

    async def manage(self, action: str, **more: Any) -> dict[str, Any]:
        sent = await self.call("manage_workers", action=action, worker_id=WORKER, reason="a test", **more)
        assert (sent["command"]["action"], sent["command"]["issued_by"]) == (action, "local")
        return sent["command"]

    async def assign(self, command: str) -> str:
        requirements = {"agent": "command", "command": command}
        return (await self.call("assign_task", description="x", requirements=requirements))["task_id"]

    async def worker(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The worker as the list shows it, once `holds` does."""

        async def found() -> dict[str, Any] | None:
            listed = (await self.call("manage_workers", action="list"))["workers"]
            return next((one for one in listed if one["worker_id"] == WORKER and holds(one)), None)

        shown = await eventually(found, within=90)
        assert shown is not None
        return shown

    async def task(self, task_id: str, *states: str) -> dict[str, Any]:
        """The task, once it is in one of these states."""

        async def found() -> dict[str, Any] | None:
            report = await self.call("monitor_task", task_id=task_id)
            return report if report["state"] in states else None

        report = await eventually(found, within=30)
        assert report is not None
        return report


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.mark.timeout(240)
async def test_every_action_is_seen_in_the_worker(url: str, worker: WorkerProcess, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    async with client(url, "2026-07-28") as manager:
        fleet = Fleet(manager)
        shown = await fleet.worker(lambda one: one["status"] == "online" and one["slots_total"] == 2)
        assert shown["tags"] == ["first"]
        running = await fleet.assign(TICKING.format(marks=marks))
        await fleet.task(running, "running")
        await eventually(lambda: size(marks))

        await fleet.manage("pause")
        await fleet.worker(lambda one: one["status"] == "paused")
        await fleet.task(running, "paused")
        before = size(marks)
        waiting = await fleet.assign("echo done")
        # As long as some ticks would take.
        await asyncio.to_thread(psutil.cpu_percent, 0.5)
        assert (size(marks), (await fleet.task(waiting, "queued"))["state"]) == (before, "queued")

        await fleet.manage("resume")
        await fleet.worker(lambda one: one["status"] == "online")
        await fleet.task(running, "running")
        await eventually(lambda: size(marks) > before)
        await fleet.task(waiting, "completed")

        await fleet.manage("update_config", config={"max_concurrent_tasks": 3, "tags": ["second"]})
        shown = await fleet.worker(lambda one: one["slots_total"] == 3 and one["tags"] == ["second"])
        assert shown["slots_free"] == 2

        first = shown["registered_at"]
        await fleet.manage("restart")
        shown = await fleet.worker(lambda one: one["registered_at"] != first and one["status"] == "online")
        assert (shown["slots_total"], shown["tags"]) == (3, ["second"])
        before = size(marks)
        await eventually(lambda: size(marks) > before)
        await fleet.task(running, "running")
        assert [line["action"] for line in worker.logged("command")] == [
            *("pause", "resume", "update_config", "restart"),
        ]

        await fleet.manage("drain")
        await fleet.worker(lambda one: one["status"] == "draining")
        left = await fleet.assign("echo never")
        await fleet.call("cancel_task", task_id=running)
        await fleet.worker(lambda one: one["running"] == [] and one["slots_free"] == 0)
        assert (await fleet.task(left, "queued"))["attempt"] == 0

        await fleet.manage("resume")
        await fleet.worker(lambda one: one["status"] == "online" and one["slots_free"] == 3)
        await fleet.task(left, "completed")
