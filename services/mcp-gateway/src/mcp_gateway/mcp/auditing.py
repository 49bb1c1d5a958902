"""Middleware that tells the audit log of every message that does or reads something."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult
from mcp.server.context import ServerRequestContext as Context

from contracts.audit import AuditOutcome, AuditSource
from mcp_gateway.decisions.audit.describing import Caller, Made
from mcp_gateway.decisions.audit.outcomes import PROBLEM_KEY, Came, of_problem, of_result
from mcp_gateway.decisions.audit.requests import AUDITED, client_of
from mcp_gateway.domain import addresses
from mcp_gateway.domain.needs import Effect, effect_of
from mcp_gateway.errors import GatewayError
from mcp_gateway.handlers.audit.calls import CallAudit
from mcp_gateway.mcp.authentication import caller
from mcp_gateway.mcp.catalogue import Catalogue
from mcp_gateway.mcp.results import refusal
from servicekit.clock import Clock
from servicekit.traces import current_trace_id

CALL, READ, PROMPT, LISTEN = "tools/call", "resources/read", "prompts/get", "subscriptions/listen"
SOURCES = {
    CALL: AuditSource.tool,
    READ: AuditSource.resource,
    LISTEN: AuditSource.resource,
    PROMPT: AuditSource.prompt,
}
"""Lists, completion and the handshake are left out: they show what there is, and come with every keystroke."""

_INTERNAL: Came = (AuditOutcome.failed, "internal")


class Audited:
    """The middleware; outermost, so that it sees what the others refuse."""

    def __init__(self, audit: Callable[[], CallAudit], catalogue: Catalogue, clock: Clock) -> None:
        # It is there once the process serves.
        self._audit = audit
        self._catalogue = catalogue
        self._clock = clock

    async def __call__(self, ctx: Context[Any, Any], call_next: CallNext) -> HandlerResult:
        """Answer the message, and tell of it."""
        source = SOURCES.get(ctx.method)
        if source is None:
            return await call_next(ctx)
        made = self._made(source, ctx)
        if ctx.request is not None:
            ctx.request.scope[AUDITED] = True
        try:
            ongoing = await self._audit().begin(
                made, _caller(ctx), writes=self._writes(ctx), announced=ctx.method == LISTEN
            )
        except GatewayError as error:
            raise refusal(ctx.method, error) from error
        try:
            result = await call_next(ctx)
        except asyncio.CancelledError:
            ongoing.leave()
            raise
        except Exception as error:
            await ongoing.end(_of_error(error))
            raise
        await ongoing.end(of_result(result), _structure(result))
        return result

    def _writes(self, ctx: Context[Any, Any]) -> bool:
        if ctx.method != CALL:
            return False
        params = ctx.params or {}
        needs = self._catalogue.needs(str(params.get("name")))
        return needs is not None and effect_of(needs.of(_arguments(params).get("action"))) is Effect.write

    def _made(self, source: AuditSource, ctx: Context[Any, Any]) -> Made:
        params = {name: value for name, value in (ctx.params or {}).items() if name != "_meta"}
        now = self._clock.now()
        if ctx.method == CALL:
            return Made(source, str(params.get("name")), _arguments(params), now)
        if isinstance(uri := params.get("uri"), str) and (task_id := addresses.task_in(uri)) is not None:
            params["task_id"] = task_id
        return Made(source, ctx.method, params, now)


def _arguments(params: Mapping[str, Any]) -> Mapping[str, object]:
    arguments = params.get("arguments")
    given = cast("dict[str, object]", arguments) if isinstance(arguments, dict) else {}
    replies = params.get("inputResponses")
    return given | {"inputResponses": replies} if replies else given


def _caller(ctx: Context[Any, Any]) -> Caller:
    client = client_of(ctx.request.scope) if ctx.request is not None else None
    return Caller(caller(), client, current_trace_id())


def _structure(result: HandlerResult) -> Mapping[str, object] | None:
    found = result.get("structuredContent") if isinstance(result, dict) else None
    return cast("Mapping[str, object]", found) if isinstance(found, dict) else None


def _of_error(error: Exception) -> Came:
    if not isinstance(error, MCPError):
        return _INTERNAL
    data: Any = error.error.data
    problem = cast("Mapping[str, Any]", data).get(PROBLEM_KEY) if isinstance(data, dict) else None
    return of_problem(problem) if problem else (AuditOutcome.refused, f"jsonrpc_{error.error.code}")
