"""The agent `opencode`: `opencode run --format json`, with the model of any provider that there is a key for."""

from collections.abc import Sequence
from json import dumps

from contracts.base import JsonObject
from contracts.events.reporting import Report, StreamType
from contracts.tasks import Assignment
from worker_agent.agents.bodies import CallEnd, checklist, entry, tokens
from worker_agent.agents.environment import LONGEST_CALL_S, environment
from worker_agent.agents.host import AgentHost, turns
from worker_agent.agents.prompt import SERVER, prompt
from worker_agent.agents.reading import JsonLinesReader
from worker_agent.agents.said import Said
from worker_agent.errors import TaskUnusable
from worker_agent.ports import AgentJob, Launch, SelfTest

KEYS = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
    "openai": ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
    "google": ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"),
}
"""Of each provider that a key can be given for: the variables of the key, and of an address other than its own."""
GIVEN = "given"
"""Name of the provider that stands for OPENAI_BASE_URL: any server that speaks OpenAI's chat completions."""
PLAN_TOOL = "todowrite"


class OpenCode:
    """The prompt is the last argument; the configuration is a variable, which counts more than any file."""

    name = "opencode"

    def __init__(self, host: AgentHost) -> None:
        self._host = host

    def self_test(self) -> SelfTest:
        """Its version, and whether there is a key for some provider."""
        return SelfTest(
            self._host.program("opencode", "--version"), self._host.lacks(*(key for key, _ in KEYS.values()))
        )

    def launch(self, job: AgentJob) -> Launch:
        """How to start it. Raises TaskUnusable without a key, or without a model where that must be said."""
        self._host.key(self.name, job, *(key for key, _ in KEYS.values()))
        keys = {key: value for key, _ in KEYS.values() if (value := self._host.variable(job, key))}
        text = prompt(job.assignment, lambda tool: f"`{SERVER}_{tool}`", {"model", "max_turns"})
        variables = {
            "OPENCODE_CONFIG_CONTENT": dumps(self._configuration(job)),
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
        }
        return Launch(
            self._host.program("opencode", "run", "--format", "json", "--thinking"),
            environment(job) | keys | variables,
            stdin=text,
        )

    def reader(self, assignment: Assignment) -> "OpenCodeReader":
        """A reader for one run."""
        return OpenCodeReader(self._host.model(self.name, assignment))

    def _configuration(self, job: AgentJob) -> JsonObject:
        model, most_turns = self._host.model(self.name, job.assignment), turns(job)
        base_url = self._host.variable(job, "OPENAI_BASE_URL")
        headers: JsonObject = {"Authorization": f"Bearer {job.mcp_token}"}
        server: JsonObject = {"type": "remote", "url": job.mcp_url, "enabled": True, "headers": headers, "oauth": False}
        given = _given(model, base_url) if base_url else {}
        return {
            "autoupdate": False,
            "share": "disabled",
            "permission": {"*": "allow"},
            "mcp": {SERVER: server | {"timeout": LONGEST_CALL_S * 1000}},
            **({"agent": {"build": {"steps": most_turns}}} if most_turns else {}),
            **({"model": model, "small_model": model} if model else {}),
            **given,
        }


class OpenCodeReader(JsonLinesReader):
    """The parts of the model's messages, each once it is whole; a step ends with the tokens that it took."""

    def tell(self, event: Said) -> Sequence[Report] | None:
        """What an object tells."""
        self.run.session_id = event.text("sessionID") or self.run.session_id
        kind, part = event.text("type"), event.part("part")
        if kind == "step_start":
            self.finished = False
            return []
        if kind == "text":
            self.run.last_message = part.text("text")
            return entry(StreamType.output, part.text("text"))
        if kind == "reasoning":
            return entry(StreamType.thinking, part.text("text"))
        if kind == "tool_use":
            return self._call(part)
        if kind == "step_finish":
            return self._step(part)
        return self._failed(event.part("error")) if kind == "error" else None

    def _call(self, part: Said) -> Sequence[Report]:
        tool, state, call_id = part.text("tool"), part.part("state"), part.text("callID")
        arguments = state.arguments("input")
        if state.text("status") not in ("completed", "error"):
            return self.calls.started(call_id, tool, arguments, self.now)
        begun, ended = state.amount("time", "start"), state.amount("time", "end")
        end = CallEnd(
            result=state.text("output"),
            error=state.text("error"),
            failed=state.text("status") == "error",
            exit_code=state.exit_code("metadata", "exit"),
            duration_ms=max(0, round(ended - begun)) if begun is not None and ended is not None else None,
        )
        told = list(self.calls.ended(call_id, self.now, end, tool, arguments))
        if tool == PLAN_TOOL:
            steps = state.parts("input", "todos")
            told += checklist([(step.text("content"), step.text("status") == "completed") for step in steps])
        return told

    def _step(self, part: Said) -> Sequence[Report]:
        self.finished = part.text("reason") == "stop"
        spent = part.part("tokens")
        cached, reasoning = spent.count("cache", "read"), spent.count("reasoning")
        return tokens(
            self.run.model or "opencode",
            sent=spent.count("input") + cached + spent.count("cache", "write"),
            received=spent.count("output") + reasoning,
            cached=cached,
            reasoning=reasoning,
            cost=part.amount("cost"),
        )

    def _failed(self, error: Said) -> Sequence[Report]:
        message = error.text("data", "message") or error.text("message") or error.text("name")
        self.fail(message)
        return entry(StreamType.error, message)


def _given(model: str | None, base_url: str) -> JsonObject:
    provider, _, name = (model or "").partition("/")
    if provider != GIVEN or not name:
        raise TaskUnusable(
            f"the agent `opencode` needs a model where OPENAI_BASE_URL is set: requirements.model as `{GIVEN}/<model>`"
        )
    options: JsonObject = {"baseURL": base_url, "apiKey": "{env:OPENAI_API_KEY}"}
    models: JsonObject = {name: {"name": name, "tool_call": True}}
    npm = "@ai-sdk/openai-compatible"
    return {"provider": {GIVEN: {"npm": npm, "name": GIVEN, "options": options, "models": models}}}
