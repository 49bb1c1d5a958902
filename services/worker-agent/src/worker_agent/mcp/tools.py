"""The tools of the worker's MCP server: one line each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mcp.types import Tool, ToolAnnotations
from pydantic import BaseModel

from contracts.events.deliverables import Artifact, Checkpoint
from contracts.events.planning import Decision, Plan
from contracts.events.quality import CodeQuality, TestResults
from contracts.events.recovery import Completion, ErrorReport
from contracts.events.reporting import Analytics, Milestone, Progress, Report, StreamData
from contracts.events.resources import PerformanceProfile, ResourceUsage
from contracts.questions import AskManager, Collaborate, RequestResources
from contracts.rpc import LoadCheckpoint
from worker_agent.mcp.deliverables import ArtifactResult, CheckpointResult, LoadedCheckpoint
from worker_agent.mcp.grants import ResourceResult
from worker_agent.mcp.results import QuestionResult, ReportResult
from worker_agent.mcp.schemas import Schema, input_schema, output_schema


class Action(Enum):
    """What a call does with its body: the table of actions is in `server.py`."""

    record = "record"
    claim = "claim"
    ask = "ask"
    request = "request"
    grant = "grant"
    publish = "publish"
    save = "save"
    load = "load"


RESULTS: Mapping[Action, type[BaseModel]] = {
    Action.ask: QuestionResult,
    Action.request: QuestionResult,
    Action.grant: ResourceResult,
    Action.publish: ArtifactResult,
    Action.save: CheckpointResult,
    Action.load: LoadedCheckpoint,
}


@dataclass(frozen=True)
class ToolSpec:
    """A tool: the contract of its input, the kind of event it becomes, what it is for, what it says when done."""

    name: str
    body: type[Report]
    kind: str
    description: str
    says: str
    action: Action = Action.record

    @property
    def result(self) -> type[BaseModel]:
        """The model of its structured content."""
        return RESULTS.get(self.action, ReportResult)


TOOLS = (
    ToolSpec(
        "report_progress",
        Progress,
        "progress",
        "Say where the work stands, whenever that changes: status, phase, percent complete.",
        "Progress recorded: {b.status}.",
    ),
    ToolSpec(
        "report_milestone",
        Milestone,
        "milestone",
        "Report something significant that is done.",
        "Milestone recorded: {b.milestone_name}.",
    ),
    ToolSpec(
        "report_analytics",
        Analytics,
        "analytics",
        "Report a set of figures of one type.",
        "Analytics recorded: {b.analytics_type}.",
    ),
    ToolSpec(
        "stream_realtime_data",
        StreamData,
        "stream",
        "Add an entry to the live stream that the manager watches: what you think, plan, try, test.",
        "Streamed.",
    ),
    ToolSpec(
        "report_decision",
        Decision,
        "decision",
        "Document an important decision: what was chosen, what else there was, and why.",
        "Decision recorded: {b.chosen_option:.80}",
    ),
    ToolSpec(
        "report_plan",
        Plan,
        "plan",
        "Report how the work will be done: the steps in order, expected time, risks.",
        "Plan recorded.",
    ),
    ToolSpec(
        "report_test_results",
        TestResults,
        "tests",
        "Report one run of a test suite: counts, failures with their messages.",
        "Test results recorded: {b.results.passed} of {b.results.total} passed.",
    ),
    ToolSpec(
        "report_code_quality",
        CodeQuality,
        "quality",
        "Report measures and problems of one file, or of the whole project (file_path `.`).",
        "Code quality recorded: {b.file_path}.",
    ),
    ToolSpec(
        "report_resource_usage",
        ResourceUsage,
        "resource",
        "Report how much of a resource is in use now.",
        "Resource usage recorded: {b.resource_type}.",
    ),
    ToolSpec(
        "report_performance_profile",
        PerformanceProfile,
        "profile",
        "Report where time or memory goes: the hotspots, worst first.",
        "Profile recorded: {b.profile_type}.",
    ),
    ToolSpec(
        "ask_manager",
        AskManager,
        "question",
        "Ask what only the manager can decide. Waits for the answer until the deadline unless wait is false.",
        "The manager is asked.",
        Action.ask,
    ),
    ToolSpec(
        "request_resources",
        RequestResources,
        "resource_request",
        "Ask for more: compute (`+2 GB`, `30 minutes`, `64 processes`), storage (`10 GB`, `output 100 MB`), api_quota "
        "(`artifacts +100 MB`), tool_access (a tool's name, `full`), dependency (`requests>=2`, `npm:left-pad`). What "
        "this worker may grant holds at once; else the manager decides, and this waits unless wait is false.",
        "The manager is asked.",
        Action.grant,
    ),
    ToolSpec(
        "collaborate_with_worker",
        Collaborate,
        "collaboration_request",
        "Ask for the help of another worker: a review, tests, advice. Does not wait.",
        "The manager is told that help is wanted.",
        Action.request,
    ),
    ToolSpec(
        "report_error",
        ErrorReport,
        "error",
        "Report that something went wrong, and whether a recovery was tried and worked.",
        "Error recorded: {b.error_type} ({b.severity}).",
    ),
    ToolSpec(
        "report_completion",
        Completion,
        "completion",
        "Say that you have finished, with a summary: once, last. The platform then checks the result itself.",
        "Completion recorded: {b.status}. You may end now.",
        Action.claim,
    ),
    ToolSpec(
        "publish_artifact",
        Artifact,
        "artifact",
        "Keep a file of the workspace (path), or a text (content), for the manager, beyond the end of the task.",
        "Published.",
        Action.publish,
    ),
    ToolSpec(
        "save_checkpoint",
        Checkpoint,
        "checkpoint",
        "Keep your state (data) and files (paths), so that a later attempt, perhaps on another worker, can go on.",
        "Saved.",
        Action.save,
    ),
    ToolSpec(
        "load_checkpoint",
        LoadCheckpoint,
        "checkpoint",
        "Get back what this attempt, or the latest one before it, has saved. Do so first when a task is tried again.",
        "Loaded.",
        Action.load,
    ),
)

BY_NAME: Mapping[str, ToolSpec] = {tool.name: tool for tool in TOOLS}
INPUT_SCHEMAS: Mapping[str, Schema] = {tool.name: input_schema(tool.body) for tool in TOOLS}


def listed() -> list[Tool]:
    """The tools as clients see them."""
    return [_listed(tool) for tool in TOOLS]


def catalogue() -> list[dict[str, Any]]:
    """Names, descriptions and schemas of all tools, as plain data."""
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed()]


def _listed(tool: ToolSpec) -> Tool:
    return Tool(
        name=tool.name,
        title=tool.name.replace("_", " ").capitalize(),
        description=tool.description,
        input_schema=INPUT_SCHEMAS[tool.name],
        output_schema=output_schema(tool.result),
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
        ),
    )
