"""Bodies of the core reports: progress, milestones, analytics, real-time streams."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import (
    Amount,
    Count,
    ExitCode,
    JsonObject,
    Level,
    Megabytes,
    Milliseconds,
    Model,
    Name,
    OptionalText,
    Percent,
    Text,
)
from contracts.reports import Report

__all__ = [
    "Analytics",
    "AnalyticsType",
    "CallStatus",
    "Milestone",
    "Progress",
    "ProgressMetrics",
    "Report",
    "StreamData",
    "StreamType",
    "TokenUsage",
    "ToolCall",
]


class ProgressMetrics(Model):
    """Measures of an attempt at one moment; every one is optional."""

    percent_complete: Percent | None = None
    """How much of the whole task is done, 0 to 100."""
    current_operation: OptionalText | None = None
    """What is happening now, in words."""
    memory_usage_mb: Megabytes | None = None
    cpu_usage_percent: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """CPU use; 100 is one core."""
    files_analyzed: Count | None = None
    files_modified: Count | None = None
    tests_run: Count | None = None
    tests_passed: Count | None = None


class Progress(Report):
    """Input of `report_progress`: where the work stands."""

    status: Name
    """initializing, analyzing, planning, executing, testing, reviewing, finalizing, or your own word."""
    phase: Name | None = None
    """Current phase of the work, such as `implementation`."""
    metrics: ProgressMetrics = ProgressMetrics()
    """Figures: percent_complete, current_operation and others."""
    reason: OptionalText | None = None
    """Why percent_complete is lower than before; without it, progress that goes backwards is refused."""


class Milestone(Report):
    """Input of `report_milestone`: something significant is done."""

    milestone_name: Name
    """A descriptive name, such as `JWT implementation complete`."""
    milestone_type: Name
    """phase_complete, feature_implemented, bug_fixed, test_passed, optimization, or your own word."""
    impact: Level = Level.medium
    """How much it matters."""
    description: OptionalText | None = None
    metrics: JsonObject = {}
    """Figures that belong to it."""


class AnalyticsType(StrEnum):
    """What a set of analytics data is about."""

    performance = "performance"
    quality = "quality"
    resource = "resource"
    code = "code"
    test = "test"
    security = "security"
    dependency = "dependency"


class Analytics(Report):
    """Input of `report_analytics`: a set of figures of one type."""

    analytics_type: AnalyticsType
    data: JsonObject
    """The figures, by name; numbers where they are numbers."""


class StreamType(StrEnum):
    """What a line of the real-time stream is."""

    thinking = "thinking"
    planning = "planning"
    executing = "executing"
    debugging = "debugging"
    testing = "testing"
    output = "output"
    tool_call = "tool_call"
    decision = "decision"
    error = "error"


class StreamData(Report):
    """Input of `stream_realtime_data`: one entry of the live stream."""

    stream_type: StreamType
    content: Text
    """What to show."""
    priority: Level = Level.medium
    metadata: JsonObject = {}


class CallStatus(StrEnum):
    """How far a call of a tool is."""

    started = "started"
    completed = "completed"
    failed = "failed"


class ToolCall(Report):
    """Input of `report_tool_call`: the agent has called a tool of its own."""

    tool_name: Name
    """Which tool, such as `bash`, `edit`, `web_search`."""
    status: CallStatus = CallStatus.completed
    """How far the call is."""
    call_id: Name | None = None
    """An id that its start and its end have in common."""
    arguments: JsonObject = {}
    """What it was called with."""
    result: OptionalText | None = None
    """What it gave, or the beginning of it."""
    error: OptionalText | None = None
    """What went wrong."""
    exit_code: ExitCode | None = None
    """Of a command that it ran."""
    duration_ms: Milliseconds | None = None


class TokenUsage(Report):
    """Input of `report_token_usage`: tokens spent since the last such report."""

    model: Name
    """Model that was asked, such as `gpt-5-codex`."""
    input_tokens: Count
    """Tokens sent, cached ones included."""
    output_tokens: Count
    """Tokens received, reasoning included."""
    cached_tokens: Count = 0
    """Part of the input that was read from a cache."""
    reasoning_tokens: Count = 0
    """Part of the output that was reasoning."""
    cost_usd: Amount | None = None
    provider: Name | None = None
    """Who serves the model, such as `openai`, `anthropic`, `google`."""
