"""The agent `claude`: Anthropic's Claude Code, `claude -p` with stream-json in and out."""

import re
from collections.abc import Sequence
from json import dumps

from contracts.events.reporting import Report, StreamType
from contracts.tasks import Assignment
from worker_agent.agents.bodies import CallEnd, checklist, entry, text_of, tokens
from worker_agent.agents.environment import LONGEST_CALL_S, environment
from worker_agent.agents.host import AgentHost, turns
from worker_agent.agents.prompt import SERVER, prompt
from worker_agent.agents.reading import JsonLinesReader
from worker_agent.agents.said import Said
from worker_agent.ports import AgentJob, Launch, SelfTest

KEY = "ANTHROPIC_API_KEY"
BASE_URL = "ANTHROPIC_BASE_URL"
MCP_FILE = ".mews/mcp.json"
PLAN_TOOL = "TodoWrite"
BOOKKEEPING = frozenset({"thinking_tokens", "status"})
"""What it says about itself and is told elsewhere, or means nothing to a manager."""
EXIT_CODE = re.compile(r"Exit code (\d{1,3})\b")
"""How the result of a command that failed begins."""
USABLE = frozenset({"connected", "pending"})
FLAGS = (
    *("--output-format", "stream-json", "--input-format", "stream-json", "--verbose"),
    *("--permission-mode", "bypassPermissions", "--strict-mcp-config"),
)


class Claude:
    """The prompt comes as JSON on standard input; the MCP server is in a file of its own."""

    name = "claude"

    def __init__(self, host: AgentHost) -> None:
        self._host = host

    def self_test(self) -> SelfTest:
        """Its version, and whether there is a key."""
        return SelfTest(self._host.program("claude", "--version"), self._host.lacks(KEY))

    def launch(self, job: AgentJob) -> Launch:
        """How to start it. Raises TaskUnusable without a key."""
        key, base_url = self._host.key(self.name, job, KEY), self._host.variable(job, BASE_URL)
        model, most_turns = self._host.model(self.name, job.assignment), turns(job)
        argv = ["claude", "-p", *FLAGS, "--mcp-config", f"{job.home}/{MCP_FILE}"]
        argv += ["--model", model] if model else []
        argv += ["--max-turns", str(most_turns)] if most_turns else []
        text = prompt(job.assignment, lambda tool: f"`mcp__{SERVER}__{tool}`", {"model", "max_turns"})
        return Launch(
            self._host.program(*argv),
            environment(job) | _variables(key, base_url),
            {MCP_FILE: _configuration(job)},
            dumps({"type": "user", "message": {"role": "user", "content": text}}) + "\n",
        )

    def reader(self, assignment: Assignment) -> "ClaudeReader":
        """A reader for one run."""
        return ClaudeReader(self._host.model(self.name, assignment))


class ClaudeReader(JsonLinesReader):
    """Messages of the model and results of tools; the last line has the tokens and what they cost."""

    def __init__(self, model: str | None = None) -> None:
        super().__init__(model)
        self._counted = ""

    def tell(self, event: Said) -> Sequence[Report] | None:
        """What an object tells."""
        kind = event.text("type")
        if kind == "system":
            return self._system(event)
        if kind == "assistant":
            return self._message(event.part("message"))
        if kind == "user":
            return [body for block in event.parts("message", "content") for body in self._result_of_tool(block)]
        if kind == "result":
            return self._result(event)
        return None

    def _system(self, event: Said) -> Sequence[Report] | None:
        about = event.text("subtype")
        if about == "init":
            return self._begun(event)
        return [] if about in BOOKKEEPING else None

    def _begun(self, event: Said) -> Sequence[Report]:
        self.run.session_id = event.text("session_id") or None
        self.run.model = event.text("model")
        self.run.version = event.text("claude_code_version") or None
        servers = {server.text("name"): server.text("status") for server in event.parts("mcp_servers")}
        status = servers.get(SERVER, "missing")
        if status not in USABLE:
            self.hopeless = f"the agent began without the worker's tools: its MCP server {SERVER} is {status}"
        return []

    def _message(self, message: Said) -> Sequence[Report]:
        told = [body for block in message.parts("content") for body in self._block(block)]
        if message.text("id") != self._counted:
            self._counted = message.text("id")
            told += _spent(message.text("model") or self.run.model, message.part("usage"), received=0)
        return told

    def _block(self, block: Said) -> Sequence[Report]:
        kind = block.text("type")
        if kind == "thinking":
            return entry(StreamType.thinking, block.text("thinking"))
        if kind == "text":
            self.run.last_message = block.text("text")
            return entry(StreamType.output, block.text("text"))
        if kind == "tool_use":
            return self._call(block)
        return []

    def _call(self, block: Said) -> Sequence[Report]:
        tool = block.text("name")
        told = list(self.calls.started(block.text("id"), tool, block.arguments("input"), self.now))
        if tool == PLAN_TOOL:
            steps = [
                (step.text("content"), step.text("status") == "completed") for step in block.parts("input", "todos")
            ]
            told += checklist(steps)
        return told

    def _result_of_tool(self, block: Said) -> Sequence[Report]:
        if block.text("type") != "tool_result":
            return []
        text, failed = text_of(block.part("content")), block.at("is_error") is True
        code = EXIT_CODE.match(text) if failed else None
        end = CallEnd("" if failed else text, text if failed else "", failed, int(code[1]) if code else None)
        return self.calls.ended(block.text("tool_use_id"), self.now, end)

    def _result(self, event: Said) -> Sequence[Report]:
        self.finished = True
        if event.at("is_error") is True or event.text("subtype") != "success":
            errors = "; ".join(error.text() for error in event.parts("errors"))
            self.fail(event.text("result") or errors or event.text("subtype"))
        self.run.last_message = event.text("result") or self.run.last_message
        usage, cost = event.part("usage"), event.amount("total_cost_usd")
        return _spent(self.run.model, usage, received=usage.count("output_tokens"), before=self.run.sent, cost=cost)


def _spent(model: str, usage: Said, *, received: int, before: int = 0, cost: float | None = None) -> list[Report]:
    cached = usage.count("cache_read_input_tokens")
    sent = usage.count("input_tokens") + usage.count("cache_creation_input_tokens") + cached
    new = max(0, sent - before)
    return tokens(model, sent=new, received=received, cached=min(cached, new), cost=cost, provider="anthropic")


def _variables(key: str, base_url: str | None) -> dict[str, str]:
    longest_ms = str(LONGEST_CALL_S * 1000)
    return {
        KEY: key,
        **({BASE_URL: base_url} if base_url else {}),
        # As root it bypasses permissions only where it is told that it is in a sandbox.
        "IS_SANDBOX": "1",
        "MCP_TOOL_TIMEOUT": longest_ms,
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def _configuration(job: AgentJob) -> bytes:
    headers = {"Authorization": f"Bearer {job.mcp_token}"}
    return dumps({"mcpServers": {SERVER: {"type": "http", "url": job.mcp_url, "headers": headers}}}).encode()
