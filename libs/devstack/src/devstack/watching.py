"""Watch one task through the gateway until it has ended."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from contracts.telemetry import Tail, TailEntry
from devstack.calls import CallRefused, GatewayAway
from devstack.views import TaskReport

if TYPE_CHECKING:
    from devstack.gateway import Gateway

PAUSE_S = 0.4
PATIENCE_S = 30.0
TAIL = 200
# Progress is told by the report itself, and figures would drown what a person wants to follow.
KINDS = (
    "thinking", "planning", "executing", "debugging", "testing", "output", "tool_call", "decision", "error",
    "milestone", "plan", "tests", "question", "completion", "outcome",
)  # fmt: skip

Result = TypeVar("Result")


@dataclass(frozen=True)
class Look:
    """One look at a task: how it stands, and the entries of its stream that no look before has shown."""

    report: TaskReport
    fresh: tuple[TailEntry, ...]


async def looks(gateway: "Gateway", task_id: str) -> AsyncGenerator[Look]:
    """Look again and again; the last look shows the task ended. A gateway that is away for a while is waited for."""
    seen: set[str] = set()
    while True:
        report = await patiently(lambda: _report(gateway, task_id))
        entries = await patiently(lambda: _entries(gateway, task_id))
        fresh = tuple(entry for entry in entries if entry.event_id not in seen)
        seen.update(entry.event_id for entry in fresh)
        yield Look(report, fresh)
        if report.has_ended:
            return
        await asyncio.sleep(PAUSE_S)


async def patiently(call: Callable[[], Awaitable[Result]], within: float = PATIENCE_S) -> Result:
    """The result of `call`, tried again for so many seconds while the gateway or a service behind it is away."""
    deadline = time.monotonic() + within
    while True:
        try:
            return await call()
        except (GatewayAway, CallRefused) as error:
            passing = isinstance(error, GatewayAway) or error.passing
            if not passing or time.monotonic() >= deadline:
                raise
        await asyncio.sleep(PAUSE_S)


async def _report(gateway: "Gateway", task_id: str) -> TaskReport:
    answer = await gateway.call("monitor_task", {"task_id": task_id})
    return TaskReport.model_validate(answer.structure)


async def _entries(gateway: "Gateway", task_id: str) -> list[TailEntry]:
    asked = {"task_id": task_id, "stream_types": list(KINDS), "last_n": TAIL}
    answer = await gateway.call("view_realtime_streams", asked)
    return Tail.model_validate(answer.structure).entries
