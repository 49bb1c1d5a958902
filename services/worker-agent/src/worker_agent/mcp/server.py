"""The MCP server of the worker: a call is validated once, recorded on disk, and answered."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
)
from prometheus_client import Counter
from pydantic import ValidationError
from starlette.requests import Request

from contracts.events.deliverables import Artifact, Checkpoint
from contracts.events.recovery import Completion
from contracts.questions import AskManager, Collaborate, RequestResources
from contracts.rpc import LoadCheckpoint
from servicekit.metrics import REGISTRY
from worker_agent.errors import WorkerError
from worker_agent.handlers import artifacts, checkpoints, grants, questions
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.workshop import Workshop
from worker_agent.mcp.complaints import complaint
from worker_agent.mcp.deliverables import loaded, published, saved
from worker_agent.mcp.grants import requested
from worker_agent.mcp.results import questioned, recorded, refused
from worker_agent.mcp.tools import BY_NAME, INPUT_SCHEMAS, Action, ToolSpec, listed

ATTEMPT = "mews.attempt"
"""Key of the ASGI scope under which the caller's attempt is found."""
INSTRUCTIONS = (
    "You work on a task of a manager who sees only what you report here. Report progress whenever it changes, the plan "
    "before you act, each decision, test run and error as it happens, and call report_completion last. "
    "task_id may always be left out. If the manager must choose something, use ask_manager."
)

TOOL_CALLS = Counter("mews_tool_calls", "Calls of worker tools.", ["tool", "outcome"], registry=REGISTRY)

Context = ServerRequestContext[Any, Any]
Act = Callable[[Context, Attempt, ToolSpec, Any, Workshop], Awaitable[CallToolResult]]


def create_server(version: str, workshop: Workshop) -> Server[Any]:
    """The server; which attempt calls is found in each request's scope."""
    tools = listed()

    async def list_tools(_ctx: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=tools)

    async def call_tool(ctx: Context, params: CallToolRequestParams) -> CallToolResult:
        attempt = cast(Attempt, cast(Request, ctx.request).scope[ATTEMPT])
        return await call(ctx, attempt, params.name, params.arguments or {}, workshop)

    return Server(
        "mews-worker",
        version=version,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=INPUT_SCHEMAS.get,
    )


async def call(
    ctx: Context, attempt: Attempt, name: str, arguments: Mapping[str, Any], workshop: Workshop
) -> CallToolResult:
    """Call one tool for an attempt. Raises MCPError for a name that is no tool's."""
    tool = BY_NAME.get(name)
    if tool is None:
        raise MCPError(INVALID_PARAMS, f"there is no tool {name!r}; the tools are: {', '.join(BY_NAME)}")
    outcome, result = await _called(ctx, attempt, tool, arguments, workshop)
    TOOL_CALLS.labels(name, outcome).inc()
    return result


async def _called(
    ctx: Context, attempt: Attempt, tool: ToolSpec, arguments: Mapping[str, Any], workshop: Workshop
) -> tuple[str, CallToolResult]:
    try:
        body = tool.body.model_validate(arguments, extra="forbid")
    except ValidationError as error:
        return "wrong_arguments", refused(complaint(tool.name, tool.body, error))
    try:
        return "ok", await ACTIONS[tool.action](ctx, attempt, tool, body, workshop)
    except WorkerError as error:
        return error.code, refused(f"{tool.name}: {error.detail} [{error.code}]")
    except OSError as error:
        return "disk", refused(f"{tool.name}: the worker's disk does not take it ({error.strerror}); try again later")


async def _record(_ctx: Context, attempt: Attempt, tool: ToolSpec, body: Any, _workshop: Workshop) -> CallToolResult:
    return recorded(attempt, tool.says.format(b=body), await attempt.reporter.report(tool.kind, body))


async def _claim(
    _ctx: Context, attempt: Attempt, tool: ToolSpec, body: Completion, _workshop: Workshop
) -> CallToolResult:
    done = await attempt.reporter.report(tool.kind, body)
    await attempt.claim(body)
    return recorded(attempt, tool.says.format(b=body), done)


async def _ask(ctx: Context, attempt: Attempt, tool: ToolSpec, body: AskManager, workshop: Workshop) -> CallToolResult:
    async def tick(waited_s: float, total_s: float) -> None:
        await ctx.session.report_progress(waited_s, total_s, "waiting for the manager's answer")

    return questioned(attempt, tool.says, await questions.ask_manager(attempt, body, tick, workshop.clock), body)


async def _request(
    _ctx: Context, attempt: Attempt, tool: ToolSpec, body: Collaborate, _workshop: Workshop
) -> CallToolResult:
    return questioned(attempt, tool.says, await questions.request(attempt, tool.kind, body), body)


async def _grant(
    ctx: Context, attempt: Attempt, _tool: ToolSpec, body: RequestResources, workshop: Workshop
) -> CallToolResult:
    async def tick(waited_s: float, total_s: float) -> None:
        await ctx.session.report_progress(waited_s, total_s, "waiting for the manager's decision")

    async def ask() -> questions.Asked:
        return await questions.request_resources(attempt, body, tick, workshop.clock)

    return requested(attempt, await grants.request_resources(attempt, workshop, body, ask))


async def _publish(
    _ctx: Context, attempt: Attempt, _tool: ToolSpec, body: Artifact, workshop: Workshop
) -> CallToolResult:
    return published(attempt, await artifacts.publish_artifact(attempt, workshop, body))


async def _save(
    _ctx: Context, attempt: Attempt, _tool: ToolSpec, body: Checkpoint, workshop: Workshop
) -> CallToolResult:
    return saved(attempt, await checkpoints.save_checkpoint(attempt, workshop, body))


async def _load(
    _ctx: Context, attempt: Attempt, _tool: ToolSpec, body: LoadCheckpoint, workshop: Workshop
) -> CallToolResult:
    return loaded(body.name, await checkpoints.load_checkpoint(attempt, workshop, body))


ACTIONS: Mapping[Action, Act] = {
    Action.record: _record,
    Action.claim: _claim,
    Action.ask: _ask,
    Action.request: _request,
    Action.grant: _grant,
    Action.publish: _publish,
    Action.save: _save,
    Action.load: _load,
}
