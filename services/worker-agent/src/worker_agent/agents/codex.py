"""The agent `codex`: OpenAI's Codex CLI, `codex exec --json`."""

from collections.abc import Callable, Mapping, Sequence
from json import dumps

from contracts.base import JsonObject
from contracts.events.reporting import Report, StreamType
from contracts.tasks import Assignment
from worker_agent.agents.bodies import CallEnd, checklist, entry, text_of, tokens
from worker_agent.agents.environment import LONGEST_CALL_S, environment
from worker_agent.agents.host import AgentHost
from worker_agent.agents.prompt import SERVER, prompt
from worker_agent.agents.reading import JsonLinesReader
from worker_agent.agents.said import MAX_VALUE, Said, said
from worker_agent.ports import AgentJob, Launch, SelfTest

KEYS = ("CODEX_API_KEY", "OPENAI_API_KEY")
BASE_URL = "OPENAI_BASE_URL"
OWN_KEY = "CODEX_API_KEY"
"""The variable that `codex exec` takes its key from."""


class Codex:
    """The prompt comes on standard input; the configuration is `~/.codex/config.toml`."""

    name = "codex"

    def __init__(self, host: AgentHost) -> None:
        self._host = host

    def self_test(self) -> SelfTest:
        """Its version, and whether there is a key."""
        return SelfTest(self._host.program("codex", "--version"), self._host.lacks(*KEYS))

    def launch(self, job: AgentJob) -> Launch:
        """How to start it. Raises TaskUnusable without a key."""
        key = self._host.key(self.name, job, *KEYS)
        base_url, model = self._host.variable(job, BASE_URL), self._host.model(self.name, job.assignment)
        argv = ["codex", "exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
        argv += ["--model", model] if model else []
        return Launch(
            self._host.program(*argv, "-"),
            environment(job) | {OWN_KEY: key},
            {".codex/config.toml": _configuration(job, base_url).encode()},
            prompt(job.assignment, _tool_name, {"model"}),
        )

    def reader(self, assignment: Assignment) -> "CodexReader":
        """A reader for one run."""
        return CodexReader(self._host.model(self.name, assignment))


class CodexReader(JsonLinesReader):
    """A thread has turns, a turn has items; tokens are told at the end of a turn, for the whole thread so far."""

    def tell(self, event: Said) -> Sequence[Report] | None:
        """What an object tells."""
        kind = event.text("type")
        if kind in ("item.started", "item.updated", "item.completed"):
            return self._item(event.part("item"), kind == "item.completed")
        if kind == "thread.started":
            self.run.session_id = event.text("thread_id") or None
            return []
        if kind == "turn.started":
            self.finished = False
            return []
        if kind == "turn.completed":
            return self._completed(event.part("usage"))
        if kind in ("turn.failed", "error"):
            return self._failed(event, over=kind == "turn.failed")
        return None

    def _completed(self, usage: Said) -> Sequence[Report]:
        self.finished, self.run.failure = True, None
        return tokens(
            self.run.model or "codex",
            sent=usage.count("input_tokens"),
            received=usage.count("output_tokens"),
            cached=usage.count("cached_input_tokens"),
            reasoning=usage.count("reasoning_output_tokens"),
            provider="openai",
        )

    def _failed(self, event: Said, *, over: bool) -> Sequence[Report]:
        message = event.text("error", "message") or event.text("message")
        answer = said(message)
        message = (answer.text("error", "message") if answer is not None else "") or message
        before = self.run.failure
        self.fail(message)
        self.finished = self.finished or over
        # The end of a failed turn tells again what the error before it told.
        return entry(StreamType.error, message) if self.run.failure != before else []

    def _item(self, item: Said, done: bool) -> Sequence[Report] | None:
        kind = item.text("type")
        if kind in ("agent_message", "reasoning"):
            return self._text(item) if done else []
        if kind == "todo_list":
            steps = [(step.text("text"), step.at("completed") is True) for step in item.parts("items")]
            return [] if done else checklist(steps)
        if kind == "error":
            return entry(StreamType.error, item.text("message"))
        call = _CALLS.get(kind)
        return self._call(item, call(item), done) if call is not None else None

    def _text(self, item: Said) -> Sequence[Report]:
        if item.text("type") == "reasoning":
            return entry(StreamType.thinking, item.text("text"))
        self.run.last_message = item.text("text")
        return entry(StreamType.output, item.text("text"))

    def _call(self, item: Said, call: tuple[str, JsonObject], done: bool) -> Sequence[Report]:
        tool, arguments = call
        if not done:
            return self.calls.started(item.text("id"), tool, arguments, self.now)
        end = CallEnd(
            result=item.text("aggregated_output") or text_of(item.part("result", "content")),
            error=item.text("error", "message"),
            failed=item.text("status") in ("failed", "declined"),
            exit_code=item.exit_code("exit_code"),
        )
        return self.calls.ended(item.text("id"), self.now, end, tool, arguments)


_CALLS: Mapping[str, Callable[[Said], tuple[str, JsonObject]]] = {
    "command_execution": lambda item: ("shell", {"command": item.text("command")[:MAX_VALUE]}),
    "mcp_tool_call": lambda item: (f"{item.text('server')}.{item.text('tool')}", item.arguments("arguments")),
    "file_change": lambda item: ("apply_patch", item.arguments("changes")),
    "web_search": lambda item: ("web_search", {"query": item.text("query")[:MAX_VALUE]}),
}
"""Items that are calls of tools: the tool, and what it is called with."""


def _tool_name(tool: str) -> str:
    return f"`{tool}`"


def _configuration(job: AgentJob, base_url: str | None) -> str:
    lines = ['approval_policy = "never"', 'sandbox_mode = "danger-full-access"', "check_for_update_on_startup = false"]
    provider: list[str] = []
    if base_url:
        lines.append('model_provider = "given"')
        provider = [
            "[model_providers.given]",
            'name = "given"',
            f"base_url = {dumps(base_url)}",
            'wire_api = "responses"',
            f"env_key = {dumps(OWN_KEY)}",
        ]
    server = [
        f"[mcp_servers.{SERVER}]",
        f"url = {dumps(job.mcp_url)}",
        f"http_headers = {{ Authorization = {dumps(f'Bearer {job.mcp_token}')} }}",
        "required = true",
        'default_tools_approval_mode = "approve"',
        "startup_timeout_sec = 30",
        f"tool_timeout_sec = {LONGEST_CALL_S}",
    ]
    return "\n".join([*lines, "", *provider, "", *server, ""])
