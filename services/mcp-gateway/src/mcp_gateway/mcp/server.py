"""The low-level MCP server over one catalogue and one library, for both protocol eras."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from mcp import MCPError
from mcp.server import Server, ServerRequestContext
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.caching import CacheHint
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
)

from mcp_gateway.domain.principals import LOCAL
from mcp_gateway.errors import GatewayError, NotFound
from mcp_gateway.mcp.catalogue import Catalogue
from mcp_gateway.mcp.resources import Library
from mcp_gateway.mcp.results import failure, success
from mcp_gateway.ports import Call, Upstreams, WaitLimits

NAME = "mews"
TITLE = "mews: MCP Enhanced Worker System"
INSTRUCTIONS = (
    "Hand coding tasks to a fleet of workers and see all that happens. Assign with assign_task, follow with "
    "monitor_task (wait: true follows to the end), look closer with view_realtime_streams. Workers ask: see "
    "list_questions and answer with answer_worker_question, or they wait. Reports carry evidence: reported (the agent "
    "said so), observed (the worker saw it), verified (the platform ran it itself)."
)

# The table is fixed for the life of a process, so clients may keep what they have listed.
_HINT = CacheHint(ttl_ms=60_000, scope="private")

OpenUpstreams = Callable[[], AbstractAsyncContextManager[Upstreams]]
Context = ServerRequestContext[Upstreams]


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server is made of."""

    catalogue: Catalogue
    library: Library
    open_upstreams: OpenUpstreams
    wait: WaitLimits
    monotonic: Callable[[], float]
    stopping: Callable[[], bool]
    observe: Callable[[str, str, float], None]
    """Told of every tool call: name, outcome (`ok` or an error's code), seconds."""


def build_server(serving: Serving, version: str) -> Server[Upstreams]:
    """The server. Its upstreams are opened once a process, when its session manager starts."""
    gateway = _Gateway(serving)
    return Server(
        NAME,
        version=version,
        title=TITLE,
        instructions=INSTRUCTIONS,
        cache_hints={"tools/list": _HINT, "resources/list": _HINT, "resources/templates/list": _HINT},
        lifespan=gateway.lifespan,
        # Without this every call of the newer era would first run the whole tools/list handler.
        get_tool_input_schema=serving.catalogue.input_schema,
        on_list_tools=gateway.list_tools,
        on_call_tool=gateway.call_tool,
        on_list_resources=gateway.list_resources,
        on_list_resource_templates=gateway.list_resource_templates,
        on_read_resource=gateway.read_resource,
    )


class _Gateway:
    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._tools = ListToolsResult(tools=serving.catalogue.listed)
        self._resources = ListResourcesResult(resources=serving.library.listed)
        self._templates = ListResourceTemplatesResult(resource_templates=serving.library.templates)

    @asynccontextmanager
    async def lifespan(self, _: Server[Upstreams]) -> AsyncGenerator[Upstreams]:
        async with self._serving.open_upstreams() as upstreams:
            yield upstreams

    async def list_tools(self, _: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        return self._tools

    async def list_resources(self, _: Context, __: PaginatedRequestParams | None) -> ListResourcesResult:
        return self._resources

    async def list_resource_templates(
        self, _: Context, __: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        return self._templates

    async def call_tool(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        tool = self._serving.catalogue.find(params.name)
        if tool is None:
            raise MCPError(code=INVALID_PARAMS, message=f"no tool {params.name}; tools/list shows the tools there are")
        started = self._serving.monotonic()
        outcome = "error"
        try:
            answer = await tool.entry.handler(tool.parse(params.arguments), self._call(context))
            outcome = "ok"
            return success(tool, answer)
        except GatewayError as error:
            outcome = error.code
            return failure(params.name, error)
        finally:
            self._serving.observe(params.name, outcome, self._serving.monotonic() - started)

    async def read_resource(self, context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        try:
            return ReadResourceResult(contents=[await self._serving.library.read(params.uri, self._call(context))])
        except NotFound as error:
            raise MCPError(code=INVALID_PARAMS, message=error.detail, data={"uri": params.uri}) from error
        except GatewayError as error:
            raise MCPError(code=INTERNAL_ERROR, message=error.detail, data={"uri": params.uri}) from error

    def _call(self, context: Context) -> Call:
        token = get_access_token()
        return Call(
            actor=token.client_id if token else LOCAL,
            upstreams=context.lifespan_context,
            report_progress=context.session.report_progress,
            wait=self._serving.wait,
            monotonic=self._serving.monotonic,
            stopping=self._serving.stopping,
        )
