"""The gateway without its audit log, to measure what that costs: `python -m tests.load.unaudited`."""

from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from mcp_gateway.app import create_app
from mcp_gateway.mcp.auditing import Audited
from mcp_gateway.settings import Settings
from servicekit import lifecycle


async def pass_on(self: Audited, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Tell nobody."""
    del self
    return await call_next(ctx)


if __name__ == "__main__":
    Audited.__call__ = pass_on
    settings = Settings()
    lifecycle.run(lambda: create_app(settings), settings)
