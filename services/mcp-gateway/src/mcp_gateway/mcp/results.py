"""A tool's answer, or what went wrong, as MCP carries it."""

from typing import Any

from mcp import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, CallToolResult, TextContent

from mcp_gateway.decisions.faults import explain
from mcp_gateway.errors import GatewayError, TooManyRequests
from mcp_gateway.mcp.catalogue import OfferedTool
from mcp_gateway.mcp.text.layout import printable
from servicekit.errors import problem_of

PROBLEM_KEY = "mews/problem"
"""Key in `_meta` of an error result, under which a program finds the problem details."""


RETRY_KEY = "mews/retry_after_ms"
"""Beside it where the same call is allowed again after some time."""


def success(tool: OfferedTool, answer: object) -> CallToolResult:
    """The answer, as text and as structured content."""
    structure = tool.structure(answer)
    if structure is None:
        return CallToolResult(content=tool.content(answer))
    return CallToolResult(content=tool.content(answer), structured_content=structure)


def failure(tool: str, error: GatewayError) -> CallToolResult:
    """The error in words that say what to do, and as problem details in `_meta`."""
    text = printable(explain(tool, error.errors) if error.errors else f"{tool}: {error.detail}")
    meta: dict[str, Any] = _details(error)
    return CallToolResult(content=[TextContent(text=text)], is_error=True, _meta=meta)


def refusal(what: str, error: GatewayError, **about: str) -> MCPError:
    """The same where the protocol has no error result: a JSON-RPC error, the problem details in its data."""
    text = printable(explain(what, error.errors) if error.errors else error.detail)
    code = INTERNAL_ERROR if error.category in {"unavailable", "internal", "rate_limited"} else INVALID_PARAMS
    return MCPError(code=code, message=text, data={**about, **_details(error)})


def _details(error: GatewayError) -> dict[str, Any]:
    details: dict[str, Any] = {PROBLEM_KEY: problem_of(error).to_dict()}
    if isinstance(error, TooManyRequests):
        details[RETRY_KEY] = error.retry_after_s * 1000
    return details
