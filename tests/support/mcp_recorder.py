"""A real MCP server with the worker's tools that keeps what is reported to it, for tests of agents."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server import Server, ServerRequestContext
from mcp.types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams, TextContent, Tool
from pydantic import ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.base import Model
from contracts.events.planning import Decision, Plan, PlanStepUpdate
from contracts.events.quality import CodeQuality, TestResults
from contracts.events.recovery import Completion, ErrorReport
from contracts.events.reporting import Analytics, Milestone, Progress, StreamData
from contracts.events.resources import PerformanceProfile, ResourceUsage
from contracts.questions import AskManager, Collaborate, RequestResources

TOOLS: dict[str, type[Model]] = {
    "report_progress": Progress,
    "report_milestone": Milestone,
    "report_analytics": Analytics,
    "stream_realtime_data": StreamData,
    "report_decision": Decision,
    "report_plan": Plan,
    "update_plan_step": PlanStepUpdate,
    "report_test_results": TestResults,
    "report_code_quality": CodeQuality,
    "report_resource_usage": ResourceUsage,
    "report_performance_profile": PerformanceProfile,
    "ask_manager": AskManager,
    "request_resources": RequestResources,
    "collaborate_with_worker": Collaborate,
    "report_error": ErrorReport,
    "report_completion": Completion,
}
TOKEN = "token-of-the-attempt"
STARTED_WITHIN_S = 10.0


@dataclass(frozen=True)
class Call:
    """One accepted tool call."""

    tool: str
    arguments: dict[str, Any]


@dataclass
class Recorder:
    """What was reported, and how the server is to behave."""

    port: int
    token: str = TOKEN
    answer: str | None = None
    """Answer of `ask_manager`; None: the question's own default."""
    answer_when: threading.Event = field(default_factory=threading.Event)
    """`ask_manager` waits for it."""
    calls: list[Call] = field(default_factory=list[Call])
    rejected: list[str] = field(default_factory=list[str])
    """Why calls were refused."""
    unavailable: Counter[str] = field(default_factory=Counter[str])
    """How many more calls of a tool get HTTP 503."""
    failing: Counter[str] = field(default_factory=Counter[str])
    """How many more calls of a tool end in a tool error."""
    attempts: Counter[str] = field(default_factory=Counter[str])
    """Calls that reached the server, refused ones included."""

    @property
    def url(self) -> str:
        """The MCP endpoint."""
        return f"http://127.0.0.1:{self.port}/mcp"

    def of(self, tool: str) -> list[dict[str, Any]]:
        """The arguments of each accepted call of a tool, in order."""
        return [call.arguments for call in self.calls if call.tool == tool]


@contextmanager
def serve_recorder(port: int = 0) -> Generator[Recorder]:
    """A recorder on this port of the loopback interface (0: a free one), served by a thread of its own."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        recorder = Recorder(port=listener.getsockname()[1])
        recorder.answer_when.set()
        config = uvicorn.Config(_app(recorder), log_level="critical", timeout_graceful_shutdown=1, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield recorder
        finally:
            recorder.answer_when.set()
            server.should_exit = True
            thread.join(STARTED_WITHIN_S)


def _app(recorder: Recorder) -> ASGIApp:
    async def list_tools(_ctx: ServerRequestContext[Any], _params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_tool(name, model) for name, model in TOOLS.items()])

    async def call_tool(_ctx: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        return await _record(recorder, params.name, params.arguments or {})

    server = Server(
        "recorder",
        version="1",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=lambda name: TOOLS[name].model_json_schema() if name in TOOLS else None,
    )
    return _Door(server.streamable_http_app(), recorder)


def _tool(name: str, model: type[Model]) -> Tool:
    return Tool(name=name, description=model.__doc__, input_schema=model.model_json_schema())


async def _record(recorder: Recorder, name: str, arguments: dict[str, Any]) -> CallToolResult:
    recorder.attempts[name] += 1
    if recorder.failing[name] > 0:
        recorder.failing[name] -= 1
        return _text(f"{name} fails because the test says so", is_error=True)
    try:
        model = TOOLS[name].model_validate(arguments, extra="forbid")
    except (KeyError, ValidationError) as error:
        recorder.rejected.append(f"{name}: {error}")
        return _text(str(error), is_error=True)
    recorder.calls.append(Call(name, arguments))
    return await _answer(recorder, model) if isinstance(model, AskManager) else _text("ok")


async def _answer(recorder: Recorder, question: AskManager) -> CallToolResult:
    await asyncio.to_thread(recorder.answer_when.wait)
    said = recorder.answer if recorder.answer is not None else question.default_answer
    state = "answered" if recorder.answer is not None else "auto_answered"
    result = _text(f"Answer: {said}")
    return result.model_copy(
        update={"structured_content": {"question_id": "q-1", "state": state, "answer": said, "answered_by": "test"}}
    )


def _text(text: str, *, is_error: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=is_error)


class _Door:
    """Lets in who has the token, and answers 503 when the recorder says so."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self._app = app
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        tool = headers.get("mcp-name", "")
        if headers.get("authorization") != f"Bearer {self._recorder.token}":
            await _refuse(send, 401)
        elif self._recorder.unavailable[tool] > 0:
            self._recorder.unavailable[tool] -= 1
            self._recorder.attempts[tool] += 1
            await _refuse(send, 503)
        else:
            await self._app(scope, receive, send)


async def _refuse(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"refused"})
