"""Inputs of the manager's tools that are not already a contract; names and values are the reference's."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from contracts.base import Level, Milliseconds, Model, OptionalText, QuestionId, TaskId, Text, UtcTime, WorkerId
from contracts.commands import WorkerConfig
from contracts.questions import QuestionKind, QuestionState, Ruling
from contracts.tasks import TaskState
from contracts.workers import WorkerStatus

DEFAULT_PAGE = 50
MAX_PAGE = 500
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


class WorkerAction(StrEnum):
    """What can be done with the fleet."""

    list = "list"
    pause = "pause"
    resume = "resume"
    restart = "restart"
    update_config = "update_config"
    drain = "drain"


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Cursor = Annotated[str, Field(min_length=1, max_length=2_000)]
PageSize = Annotated[int, Field(ge=1, le=MAX_PAGE)]


class Paged(Model):
    """What every list takes."""

    cursor: Cursor | None = None
    """`next_cursor` of the page before; left out: the first page."""
    limit: PageSize = DEFAULT_PAGE
    """Most entries on the page."""


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

    status: Annotated[list[TaskState], BeforeValidator(_one_or_many)] = []
    """Only tasks in one of these states; left out: all."""
    worker_id: WorkerId | None = None
    """Only tasks assigned to this worker."""
    priority: Level | None = None
    """Only tasks of this priority."""
    since: UtcTime | None = None
    """Only tasks created at or after this time (RFC 3339)."""


class CancelTaskInput(Model):
    """Input of `cancel_task`."""

    task_id: TaskId
    """Task to cancel."""
    reason: Annotated[OptionalText, Field(max_length=1_000)] | None = None
    """Why; the worker and the task's history show it."""


class RetryTask(Model):
    """Input of `retry_task`."""

    task_id: TaskId
    """Task that failed, was cancelled, or timed out."""


class ManageWorkers(Paged):
    """Input of `manage_workers`."""

    action: WorkerAction
    """What to do."""
    worker_id: WorkerId | None = None
    """The worker; every action but `list` needs it."""
    config: WorkerConfig | None = None
    """What to change; for `update_config` alone."""
    reason: Annotated[OptionalText, Field(max_length=1_000)] | None = None
    """Why; the worker's log shows it."""
    status: WorkerStatus | None = None
    """For `list`: only workers in this status."""

    @model_validator(mode="after")
    def _fits_the_action(self) -> Self:
        if self.action is not WorkerAction.list and self.worker_id is None:
            raise ValueError(f"worker_id: action {self.action} needs the id of a worker; action list shows them")
        if self.action is WorkerAction.update_config and not (self.config and self.config.to_dict()):
            raise ValueError(f"config: action update_config needs one of {', '.join(WorkerConfig.model_fields)}")
        if self.action is not WorkerAction.update_config and self.config is not None:
            raise ValueError(f"config: action {self.action} takes no config")
        return self


class ViewStreams(Model):
    """Input of `view_realtime_streams`."""

    task_id: TaskId
    """Task to look at."""
    stream_types: Annotated[list[StreamFilter], BeforeValidator(_one_or_many)] = []
    """Stream types and event kinds to include; left out: all."""
    last_n: Annotated[int, Field(ge=1, le=MAX_ENTRIES)] = 20
    """Number of recent entries."""


class ListQuestions(Paged):
    """Input of `list_questions`."""

    state: QuestionState | None = QuestionState.open
    """Only questions in this state; null: all."""
    task_id: TaskId | None = None
    """Only questions about this task."""
    worker_id: WorkerId | None = None
    """Only questions of this worker."""
    kind: QuestionKind | None = None
    """Only questions, only resource requests, or only collaboration requests."""


class AnswerQuestion(Model):
    """Input of `answer_worker_question`."""

    question_id: QuestionId
    """Question identifier."""
    answer: Text
    """Response text; one of the question's options, or your own words."""
    additional_context: OptionalText | None = None
    """Extra information for the worker."""


class DecideRequest(Model):
    """Input of `decide_request`."""

    question_id: QuestionId
    """The request for resources, permission or collaboration; list_questions shows them."""
    decision: Ruling
    """granted: as asked; trimmed: less than asked; refused: nothing."""
    amount_granted: Text | None = None
    """How much, or of a permission under which conditions; trimmed needs it, but for help. Left out: as asked."""
    duration_ms: Milliseconds | None = None
    """For how long; left out: as asked. Help that is trimmed needs it: how much time it has from now on."""
    reason: OptionalText | None = None
    """Why; the worker is told."""

    @model_validator(mode="after")
    def _fits_the_decision(self) -> Self:
        if self.decision is Ruling.trimmed and self.amount_granted is None and self.duration_ms is None:
            raise ValueError("amount_granted: trimmed needs the amount that is granted instead of what was asked")
        if self.decision is Ruling.refused and self.amount_granted is not None:
            raise ValueError("amount_granted: refused grants nothing; leave it out, or decide trimmed")
        return self
