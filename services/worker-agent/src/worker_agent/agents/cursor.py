"""The agent `cursor`: Cursor's CLI, `cursor-agent -p` with stream-json output."""

from collections.abc import Sequence
from json import dumps

from contracts.events.reporting import Report, StreamType
from contracts.tasks import Assignment
from worker_agent.agents.bodies import CallEnd, checklist, entry, text_of, tokens
from worker_agent.agents.environment import environment
from worker_agent.agents.host import AgentHost
from worker_agent.agents.prompt import SERVER, prompt
from worker_agent.agents.reading import JsonLinesReader
from worker_agent.agents.said import Said
from worker_agent.ports import AgentJob, Launch, SelfTest

KEY = "CURSOR_API_KEY"
FLAGS = ("--output-format", "stream-json", "--force", "--trust", "--sandbox", "disabled", "--approve-mcps")
CALL = "ToolCall"
"""What the names of all its calls end in: `shellToolCall`, `editToolCall`, `mcpToolCall`."""
FAILURES = ("error", "failure", "rejected", "permissionDenied", "timeout", "spawnError")


class Cursor:
    """The prompt comes on standard input; the MCP server is in `~/.cursor/mcp.json`."""

    name = "cursor"

    def __init__(self, host: AgentHost) -> None:
        self._host = host

    def self_test(self) -> SelfTest:
        """Its version, and whether there is a key."""
        return SelfTest(self._host.program("cursor-agent", "--version"), self._host.lacks(KEY))

    def launch(self, job: AgentJob) -> Launch:
        """How to start it. Raises TaskUnusable without a key."""
        key, model = self._host.key(self.name, job, KEY), self._host.model(self.name, job.assignment)
        argv = ["cursor-agent", "-p", *FLAGS, "--workspace", job.folder]
        argv += ["--model", model] if model else []
        return Launch(
            self._host.program(*argv),
            environment(job) | {KEY: key},
            {".cursor/mcp.json": _configuration(job)},
            prompt(job.assignment, lambda tool: f"`{tool}`", {"model"}),
        )

    def reader(self, assignment: Assignment) -> "CursorReader":
        """A reader for one run."""
        return CursorReader(self._host.model(self.name, assignment))


class CursorReader(JsonLinesReader):
    """Thoughts come in pieces until one says that they are whole; a call is an object under the name of its tool."""

    def __init__(self, model: str | None = None) -> None:
        super().__init__(model)
        self._thought: list[str] = []

    def tell(self, event: Said) -> Sequence[Report] | None:
        """What an object tells."""
        kind, stage = event.text("type"), event.text("subtype")
        if kind == "thinking":
            self._thought.append(event.text("text"))
            return self.rest() if stage == "completed" else []
        told = self._told(kind, stage, event)
        return told if told is None else [*self.rest(), *told]

    def rest(self) -> Sequence[Report]:
        """The thought so far."""
        text, self._thought = "".join(self._thought), []
        return entry(StreamType.thinking, text)

    def _told(self, kind: str, stage: str, event: Said) -> Sequence[Report] | None:
        if kind == "system" and stage == "init":
            self.run.session_id, self.run.model = event.text("session_id") or None, event.text("model")
            return []
        if kind == "user":
            return []
        if kind == "assistant":
            text = text_of(event.part("message", "content"))
            self.run.last_message = text or self.run.last_message
            return entry(StreamType.output, text)
        if kind == "tool_call":
            return self._call(event.text("call_id"), stage, event.part("tool_call"))
        return self._result(event) if kind == "result" else None

    def _call(self, call_id: str, stage: str, call: Said) -> Sequence[Report] | None:
        named = [(key.removesuffix(CALL), value) for key, value in call.entries() if key.endswith(CALL)]
        if not named or stage not in ("started", "completed"):
            return None
        tool, value = named[0]
        arguments, result = value.arguments("args"), value.part("result")
        if tool == "mcp":
            tool = f"{value.text('args', 'providerIdentifier') or 'mcp'}.{value.text('args', 'toolName')}"
            arguments = value.arguments("args", "args")
        if stage == "completed":
            return self.calls.ended(call_id, self.now, _end(result), tool, arguments)
        told = self.calls.started(call_id, tool, arguments, self.now)
        todos = value.parts("args", "todos")
        return [
            *told,
            *checklist([(todo.text("content"), "COMPLETED" in todo.text("status").upper()) for todo in todos]),
        ]

    def _result(self, event: Said) -> Sequence[Report]:
        self.finished = True
        if event.at("is_error") is True or event.text("subtype") != "success":
            self.fail(event.text("result") or event.text("subtype"))
        usage, self.run.last_message = event.part("usage"), event.text("result") or self.run.last_message
        cached = usage.count("cacheReadTokens")
        sent = usage.count("inputTokens") + usage.count("cacheWriteTokens") + cached
        received = usage.count("outputTokens")
        return tokens(self.run.model or "cursor", sent=sent, received=received, cached=cached, provider="cursor")


def _end(result: Said) -> CallEnd:
    """A result is an object under the name of how it went."""
    for failure in FAILURES:
        if result.at(failure) is not None:
            told = result.part(failure)
            message = told.text("errorMessage") or told.text("message") or told.text("stderr") or told.text()
            return CallEnd(error=message, failed=True, exit_code=told.exit_code("exitCode"))
    success = result.part("success")
    texts = [success.text(key) for key in ("stdout", "stderr") if success.text(key)]
    took = success.amount("executionTime")
    return CallEnd(
        result="\n".join(texts) or text_of(success.part("content")) or success.text(),
        exit_code=success.exit_code("exitCode"),
        duration_ms=round(took) if took is not None else None,
    )


def _configuration(job: AgentJob) -> bytes:
    headers = {"Authorization": f"Bearer {job.mcp_token}"}
    return dumps({"mcpServers": {SERVER: {"url": job.mcp_url, "headers": headers}}}).encode()
