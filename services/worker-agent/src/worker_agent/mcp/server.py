"""The MCP server of the worker: a call is validated once, recorded on disk, and answered."""

from collections.abc import Mapping
from typing import Any

from mcp.server import Server
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

from servicekit.metrics import REGISTRY
from worker_agent.errors import ToolNotInProfile, WorkerError
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.desk import Desk
from worker_agent.mcp import tracing
from worker_agent.mcp.complaints import complaint
from worker_agent.mcp.results import refused
from worker_agent.mcp.spec import Call, Context, ToolSpec
from worker_agent.mcp.tools import BY_NAME, listed, may_call
from worker_agent.mcp.tracing import attempt_of

INSTRUCTIONS = (
    "You work on a task of a manager who sees only what you report here. Report progress whenever it changes, the plan "
    "before you act, each decision, test run and error as it happens, and call report_completion last. "
    "task_id may always be left out. If the manager must choose something, use ask_manager."
)

NO_HEADERS = {name: {"type": "object"} for name in BY_NAME}
"""What `mcp` looks through at each call, for parameters that come as headers: no tool has one."""

TOOL_CALLS = Counter(
    "mews_worker_tool_calls", "Calls of worker tools, by how they ended.", ["tool", "outcome"], registry=REGISTRY
)


def create_server(version: str, desk: Desk, *, traced: bool) -> Server[Any]:
    """The server; which attempt calls is found in each request's scope. `traced`: whether spans go anywhere."""

    async def list_tools(ctx: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=listed(attempt_of(ctx).tools))

    async def call_tool(ctx: Context, params: CallToolRequestParams) -> CallToolResult:
        return await call(ctx, attempt_of(ctx), params.name, params.arguments or {}, desk)

    server = Server(
        "mews-worker",
        version=version,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=NO_HEADERS.get,
    )
    # Its only middleware makes a span for each call, also where nobody takes it, named as the agent likes.
    server.middleware.clear()
    if traced:
        server.middleware.append(tracing.traced)
    return server


async def call(ctx: Context, attempt: Attempt, name: str, arguments: Mapping[str, Any], desk: Desk) -> CallToolResult:
    """Call one tool for an attempt. Raises MCPError for a name that is no tool's."""
    tool = BY_NAME.get(name)
    if tool is None:
        names = ", ".join(one.name for one in listed(attempt.tools))
        raise MCPError(INVALID_PARAMS, f"there is no tool {name!r}; the tools are: {names}")
    outcome, result = await _called(ctx, attempt, tool, arguments, desk)
    TOOL_CALLS.labels(name, outcome).inc()
    return result


async def _called(
    ctx: Context, attempt: Attempt, tool: ToolSpec, arguments: Mapping[str, Any], desk: Desk
) -> tuple[str, CallToolResult]:
    try:
        _check_access(attempt, tool)
        body = tool.body.model_validate(arguments, extra="forbid")
        with attempt.throttle.calling():
            return "ok", await tool.act(Call(ctx, attempt, tool, body, desk))
    except ValidationError as error:
        return "wrong_arguments", refused(complaint(tool.name, tool.body, error))
    except WorkerError as error:
        return error.code, refused(f"{tool.name}: {error.detail} [{error.code}]")
    except OSError as error:
        return "disk", refused(f"{tool.name}: the worker's disk does not take it ({error.strerror}); try again later")


def _check_access(attempt: Attempt, tool: ToolSpec) -> None:
    if not may_call(attempt.tools, tool):
        raise ToolNotInProfile(
            f"it is not among the tools of this task's profile ({attempt.tools.profile}). To get it, call "
            f'request_resources(resource_type="tool_access", amount_needed="{tool.name}"), or amount_needed="full" for '
            "all tools"
        )
