"""Inputs of the tools about tasks and their streams."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Level, Model, OptionalText, TaskId, UtcTime, WorkerId
from contracts.tasks import TaskState
from mcp_gateway.domain.inputs.base import OneOrMany, Paged

MAX_ENTRIES = 1_000


class StreamFilter(StrEnum):
    """What a stream can be filtered by: the stream types, then the kinds of events."""

    thinking = "thinking"
    planning = "planning"
    executing = "executing"
    debugging = "debugging"
    testing = "testing"
    output = "output"
    tool_call = "tool_call"
    decision = "decision"
    error = "error"
    progress = "progress"
    milestone = "milestone"
    analytics = "analytics"
    stream = "stream"
    plan = "plan"
    tests = "tests"
    quality = "quality"
    resource = "resource"
    profile = "profile"
    completion = "completion"
    outcome = "outcome"
    question = "question"
    resource_request = "resource_request"
    collaboration_request = "collaboration_request"
    collaboration_response = "collaboration_response"
    token_usage = "token_usage"
    plan_step = "plan_step"
    coverage = "coverage"
    benchmark = "benchmark"
    security_scan = "security_scan"
    dependency_analysis = "dependency_analysis"
    code_change = "code_change"
    artifact = "artifact"
    checkpoint = "checkpoint"
    api_quota = "api_quota"
    grant = "grant"
    recovery = "recovery"
    blocker = "blocker"
    session_end = "session_end"
    learning = "learning"


class MonitorTask(Model):
    """Input of `monitor_task`."""

    task_id: TaskId
    """Task to monitor."""
    include_streams: bool = False
    """Show the last real-time stream entries."""
    include_analytics: bool = False
    """Show the last analytics data of each type."""
    wait: bool = False
    """Follow the task with progress notifications and answer when it has ended, or when the time allowed is over."""


class ListTasks(Paged):
    """Input of `list_tasks`."""

    status: OneOrMany[TaskState] = []
    """Only tasks in one of these states; left out: all."""
    worker_id: WorkerId | None = None
    """Only tasks assigned to this worker."""
    priority: Level | None = None
    """Only tasks of this priority."""
    since: UtcTime | None = None
    """Only tasks created at or after this time (RFC 3339)."""
    quarantined: bool = False
    """Only tasks in quarantine: workers crashed again and again while they had them. retry_task lifts that."""


class CancelTaskInput(Model):
    """Input of `cancel_task`."""

    task_id: TaskId
    """Task to cancel."""
    reason: Annotated[OptionalText, Field(max_length=1_000)] | None = None
    """Why; the worker and the task's history show it."""


class RetryTask(Model):
    """Input of `retry_task`."""

    task_id: TaskId
    """Task that failed, was cancelled, or timed out; this lifts a quarantine."""


class ViewStreams(Model):
    """Input of `view_realtime_streams`."""

    task_id: TaskId
    """Task to look at."""
    stream_types: OneOrMany[StreamFilter] = []
    """Stream types and event kinds to include; left out: all."""
    last_n: Annotated[int, Field(ge=1, le=MAX_ENTRIES)] = 20
    """Number of recent entries."""
