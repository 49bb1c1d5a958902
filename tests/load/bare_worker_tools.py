"""The yardstick of a worker's tool calls: an `mcp` server with one tool that does nothing, on the same HTTP stack."""

import sys
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.types import CallToolResult, ListToolsResult, TextContent, Tool

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"status": {"type": "string"}}}


async def list_tools(_ctx: Any, _params: Any) -> ListToolsResult:
    return ListToolsResult(tools=[Tool(name="noop", input_schema=SCHEMA)])


async def call_tool(_ctx: Any, _params: Any) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text="ok")])


def main() -> None:
    server = Server(
        "bare", on_list_tools=list_tools, on_call_tool=call_tool, get_tool_input_schema={"noop": SCHEMA}.get
    )
    app = server.streamable_http_app(stateless_http=True)
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="error", access_log=False)


if __name__ == "__main__":
    main()
