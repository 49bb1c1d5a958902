"""Says things to the manager through the worker's tools, and keeps what could not be said."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcp.types import CallToolResult, TextContent

from auditor.connection import CallFailedError, Connection
from auditor.resources import Meter, Usage
from contracts.base import Level
from contracts.events.planning import Decision, Plan, PlanStepUpdate
from contracts.events.quality import CodeQuality, TestResults
from contracts.events.recovery import Completion, ErrorReport
from contracts.events.reporting import Analytics, Milestone, Progress, Report, StreamData, StreamType
from contracts.events.resources import PerformanceProfile, ResourceUsage
from contracts.questions import AskManager

Emit = Callable[[dict[str, Any]], None]

ASK_TOOL = "ask_manager"
TOOLS: dict[type[Report], str] = {
    Progress: "report_progress",
    Milestone: "report_milestone",
    Analytics: "report_analytics",
    StreamData: "stream_realtime_data",
    Decision: "report_decision",
    Plan: "report_plan",
    PlanStepUpdate: "update_plan_step",
    TestResults: "report_test_results",
    CodeQuality: "report_code_quality",
    ResourceUsage: "report_resource_usage",
    PerformanceProfile: "report_performance_profile",
    ErrorReport: "report_error",
    Completion: "report_completion",
}
"""Tool by the class of what it takes."""

_QUIET = frozenset({"stream_realtime_data", "report_progress"})
_ANSWER_GRACE_S = 15.0


@dataclass(frozen=True)
class Heard:
    """What came of a question: None if it could not be put or was not answered."""

    answer: str | None = None
    by_manager: bool = False
    """False: nobody answered in time, and `answer` is the question's own default."""


class Reporter:
    """One audit's voice. A report that fails is noted in `undelivered` and never stops the audit."""

    def __init__(self, connection: Connection, task_id: str | None, emit: Emit, meter: Meter) -> None:
        self.undelivered: list[str] = []
        self.completed = False
        """The completion was taken."""
        self._connection = connection
        self._task_id = task_id
        self._emit = emit
        self._meter = meter

    async def report(self, body: Report) -> bool:
        """Send one report; True when the worker took it. Raises UnreachableManagerError if the token is refused."""
        tool = TOOLS[type(body)]
        try:
            result = await self._connection.call(tool, self._arguments(body))
        except CallFailedError as error:
            return self._note(tool, body, str(error))
        if result.is_error:
            return self._note(tool, body, _text(result))
        self.completed = self.completed or isinstance(body, Completion)
        if tool not in _QUIET:
            self._emit({"type": "tool_call", "content": tool, "tool": tool, "ok": True})
        return True

    async def stream(self, stream_type: StreamType, content: str, priority: Level = Level.medium) -> None:
        """Send one line of the live stream."""
        await self.report(StreamData(stream_type=stream_type, content=content, priority=priority))

    async def ask(self, question: AskManager) -> Heard:
        """Put a question and wait for its answer. The worker knows the same question again, so it is put once only."""
        timeout_s = question.deadline_ms / 1000 + _ANSWER_GRACE_S
        try:
            result = await self._connection.call(ASK_TOOL, self._arguments(question), timeout_s)
        except CallFailedError as error:
            self._note(ASK_TOOL, question, str(error))
            return Heard()
        if result.is_error:
            self._note(ASK_TOOL, question, _text(result))
            return Heard()
        self._emit({"type": "tool_call", "content": ASK_TOOL, "tool": ASK_TOOL, "ok": True})
        return read_answer(result.structured_content, _text(result))

    def try_harder(self) -> None:
        """Give the next report all its retries."""
        self._connection.try_harder()

    def _arguments(self, body: Report) -> dict[str, Any]:
        if isinstance(body, Progress):
            body = with_usage(body, self._meter.usage())
        return body.model_copy(update={"task_id": self._task_id}).model_dump(mode="json", exclude_none=True)

    def _note(self, tool: str, body: Report, reason: str) -> bool:
        self.undelivered.append(f"{tool}: {reason}"[:500])
        self._emit({"type": "error", "content": f"{tool} failed: {reason[:500]}", "tool": tool, "ok": False})
        if isinstance(body, StreamData):
            self._emit({"type": body.stream_type.value, "content": body.content})
        return False


def with_usage(body: Progress, usage: Usage) -> Progress:
    """A progress report that also says what the work uses."""
    used = {"memory_usage_mb": usage.memory_mb, "cpu_usage_percent": usage.cpu_percent}
    return body.model_copy(update={"metrics": body.metrics.model_copy(update=used)})


def read_answer(structured: dict[str, Any] | None, text: str) -> Heard:
    """What a result of `ask_manager` says: its field `answer`, or else its text."""
    if structured is None:
        return Heard(text or None, by_manager=bool(text))
    answer = structured.get("answer")
    return Heard(answer if isinstance(answer, str) else None, by_manager=structured.get("state") == "answered")


def emit_line(record: dict[str, Any]) -> None:
    """Print one JSON object as a line of standard output."""
    print(json.dumps(record), flush=True)


def _text(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent)).strip()
