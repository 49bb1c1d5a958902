"""The span of each call of a worker tool: of the attempt whose token it shows, whatever trace the agent speaks of."""

from typing import Any, cast

from mcp.server.context import CallNext, HandlerResult
from mcp.server.context import ServerRequestContext as Context
from mcp.types import CallToolResult
from starlette.requests import Request

from servicekit.traces import SpanKind, fail, span
from worker_agent.handlers.attempt import Attempt
from worker_agent.mcp.tools import BY_NAME

CALL = "tools/call"
ATTEMPT = "mews.attempt"
"""Key of the ASGI scope under which the caller's attempt is found."""
UNKNOWN = "unknown"


async def traced(ctx: Context[Any, Any], call_next: CallNext) -> HandlerResult:
    """Middleware that makes the span."""
    if ctx.method != CALL:
        return await call_next(ctx)
    asked = (ctx.params or {}).get("name")
    # Agents make names up.
    tool = asked if isinstance(asked, str) and asked in BY_NAME else UNKNOWN
    attributes = {
        "mcp.method.name": CALL,
        "mcp.protocol.version": ctx.protocol_version,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool,
    }
    parent = attempt_of(ctx).trace.of_agent
    with span(f"{CALL} {tool}", SpanKind.SERVER, attributes, parent=parent) as current:
        result = await call_next(ctx)
        if _is_error(result):
            fail(current, "tool_error")
        return result


def attempt_of(ctx: Context[Any, Any]) -> Attempt:
    """The attempt whose token a call shows."""
    return cast(Attempt, cast(Request, ctx.request).scope[ATTEMPT])


def _is_error(result: HandlerResult) -> bool:
    """A result is the model, or what it is on the wire."""
    if isinstance(result, dict):
        return result.get("isError") is True
    return isinstance(result, CallToolResult) and result.is_error is True
