"""The low-level MCP server over one catalogue and one library, for both protocol eras."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from mcp import MCPError
from mcp.server import Server, ServerRequestContext
from mcp.server.caching import CacheHint
from mcp.server.request_state import RequestStateBoundary
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
)

from mcp_gateway.domain.asking import Asking, Dialogue
from mcp_gateway.errors import GatewayError
from mcp_gateway.mcp.authentication import caller
from mcp_gateway.mcp.catalogue import Catalogue
from mcp_gateway.mcp.completion import Completer
from mcp_gateway.mcp.elicitation import dialogue_of, input_required
from mcp_gateway.mcp.prompts import PromptBook
from mcp_gateway.mcp.resources import Library
from mcp_gateway.mcp.results import failure, refusal, success
from mcp_gateway.mcp.subscriptions import Subscriptions, announce_truly, refuse_handshake_subscriptions
from mcp_gateway.ports import Call, Upstreams, WaitLimits

NAME = "mews"
TITLE = "mews: MCP Enhanced Worker System"
INSTRUCTIONS = (
    "Hand coding tasks to a fleet of workers and see all that happens. Assign with assign_task, follow with "
    "monitor_task (wait: true follows to the end), look closer with view_realtime_streams. Workers ask: see "
    "list_questions and answer with answer_worker_question, or they wait; manage_rules answers what comes again. "
    "performance_report, quality_dashboard, error_analysis, analyze_decisions and get_analytics tell how it went. "
    "They carry evidence: reported (the agent said so), observed (the worker saw it), verified (the platform ran it)."
)

# The table is fixed for the life of a process, so clients may keep what they have listed.
_HINT = CacheHint(ttl_ms=60_000, scope="private")

_LISTS = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")

OpenUpstreams = Callable[[], AbstractAsyncContextManager[Upstreams]]
Context = ServerRequestContext[Upstreams]


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server is made of."""

    catalogue: Catalogue
    library: Library
    prompts: PromptBook
    subscriptions: Subscriptions
    boundary: RequestStateBoundary
    """Seals what a tool that asks gives along."""
    open_upstreams: OpenUpstreams
    wait: WaitLimits
    monotonic: Callable[[], float]
    now: Callable[[], datetime]
    stopping: Callable[[], bool]
    observe: Callable[[str, str, float], None]
    """Told of every tool call: name, outcome (`ok` or an error's code), seconds."""


def build_server(serving: Serving, version: str) -> Server[Upstreams]:
    """The server. Its upstreams are opened once a process, when its session manager starts."""
    gateway = _Gateway(serving)
    server = Server(
        NAME,
        version=version,
        title=TITLE,
        instructions=INSTRUCTIONS,
        cache_hints=dict.fromkeys(_LISTS, _HINT),
        lifespan=gateway.lifespan,
        # Without this every call of the newer era would first run the whole tools/list handler.
        get_tool_input_schema=serving.catalogue.input_schema,
        on_list_tools=gateway.list_tools,
        on_call_tool=gateway.call_tool,
        on_list_resources=gateway.list_resources,
        on_list_resource_templates=gateway.list_resource_templates,
        on_read_resource=gateway.read_resource,
        on_subscriptions_listen=serving.subscriptions.listen,
        on_list_prompts=gateway.list_prompts,
        on_get_prompt=gateway.get_prompt,
        on_completion=gateway.complete,
    )
    server.middleware.append(refuse_handshake_subscriptions)
    server.middleware.append(serving.boundary)
    announce_truly(server)
    return server


class _Gateway:
    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._tools = ListToolsResult(tools=serving.catalogue.listed)
        self._resources = ListResourcesResult(resources=serving.library.listed)
        self._templates = ListResourceTemplatesResult(resource_templates=serving.library.templates)
        self._prompts = ListPromptsResult(prompts=serving.prompts.listed)
        self._completer = Completer(serving.prompts, serving.library)

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

    async def list_prompts(self, _: Context, __: PaginatedRequestParams | None) -> ListPromptsResult:
        return self._prompts

    async def call_tool(self, context: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        tool = self._serving.catalogue.find(params.name)
        if tool is None:
            raise MCPError(code=INVALID_PARAMS, message=f"no tool {params.name}; tools/list shows the tools there are")
        started = self._serving.monotonic()
        outcome = "error"
        try:
            call = self._call(context, dialogue_of(context, params))
            answer = await tool.entry.handler(tool.parse(params.arguments), call)
            if isinstance(answer, Asking):
                outcome = "asks"
                return input_required(answer)
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
        except GatewayError as error:
            raise refusal("resources/read", error, uri=params.uri) from error

    async def get_prompt(self, context: Context, params: GetPromptRequestParams) -> GetPromptResult:
        try:
            return await self._serving.prompts.get(params.name, params.arguments, self._call(context))
        except GatewayError as error:
            raise refusal(params.name, error) from error

    async def complete(self, context: Context, params: CompleteRequestParams) -> CompleteResult:
        try:
            completion = await self._completer.complete(params.ref, params.argument, self._call(context))
        except GatewayError as error:
            raise refusal("completion/complete", error) from error
        return CompleteResult(completion=completion)

    def _call(self, context: Context, dialogue: Dialogue | None = None) -> Call:
        return Call(
            principal=caller(),
            upstreams=context.lifespan_context,
            report_progress=context.session.report_progress,
            wait=self._serving.wait,
            monotonic=self._serving.monotonic,
            stopping=self._serving.stopping,
            now=self._serving.now,
            dialogue=dialogue,
        )
