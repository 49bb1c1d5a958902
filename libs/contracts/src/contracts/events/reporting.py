"""Bodies of the core reports: progress, milestones, analytics, real-time streams."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Count, JsonObject, Level, Megabytes, Model, Name, OptionalText, Percent, Text
from contracts.reports import Report

__all__ = [
    "Analytics",
    "AnalyticsType",
    "Milestone",
    "Progress",
    "ProgressMetrics",
    "Report",
    "StreamData",
    "StreamType",
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
