"""What the gateway is measured against: a bare mcp server with one no-op tool, and one service behind the gateway.

python -m tests.load.bare_mcp noop|upstream PORT
"""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, Response
from mcp.server import Server, ServerRequestContext
from mcp.types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams, TextContent, Tool

from tests.support.views import running_task

SCHEMA = {"type": "object", "properties": {"task_id": {"type": "string"}}}


def noop() -> FastAPI:
    """The tool `monitor_task` that says `hello`, served as the gateway serves: low-level, no sessions, SSE-capable."""

    async def list_tools(_: ServerRequestContext, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name="cancel_task", input_schema=SCHEMA)])

    async def call_tool(_: ServerRequestContext, __: CallToolRequestParams) -> CallToolResult:
        return CallToolResult(content=[TextContent(text="hello")])

    server = Server("bare", on_list_tools=list_tools, on_call_tool=call_tool, get_tool_input_schema=lambda _: SCHEMA)
    inner = server.streamable_http_app(stateless_http=True)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with server.session_manager.run():
            yield

    app = FastAPI(lifespan=lifespan)
    app.router.routes.extend(inner.router.routes)
    return app


def upstream() -> FastAPI:
    """An orchestrator that always gives the same task, at once."""
    app = FastAPI()
    body = running_task().to_json()

    @app.post("/v1/tasks/{task_id}/cancel")
    async def cancel(task_id: str) -> Response:
        return Response(body, media_type="application/json")

    return app


if __name__ == "__main__":
    made = {"noop": noop, "upstream": upstream}[sys.argv[1]]()
    uvicorn.run(
        made,
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        # A connection stands idle while the others have their turn.
        timeout_keep_alive=75,
    )
