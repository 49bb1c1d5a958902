"""The agent `gemini`: Google's Gemini CLI with stream-json output."""

from collections.abc import Sequence
from json import dumps

from contracts.base import JsonObject
from contracts.events.reporting import Report, StreamType
from contracts.tasks import Assignment
from worker_agent.agents.bodies import CallEnd, checklist, entry, text_of, tokens
from worker_agent.agents.environment import LONGEST_CALL_S, environment
from worker_agent.agents.host import AgentHost, turns
from worker_agent.agents.prompt import SERVER, prompt
from worker_agent.agents.reading import JsonLinesReader
from worker_agent.agents.said import Said
from worker_agent.ports import AgentJob, Launch, SelfTest

KEY = "GEMINI_API_KEY"
BASE_URL = "GOOGLE_GEMINI_BASE_URL"
SETTINGS_FILE = ".gemini/settings.json"
PLAN_TOOL = "write_todos"
EXIT_CODES = {
    41: "it could not authenticate: is the key right?",
    42: "it did not take its input",
    44: "its own sandbox failed",
    52: "its configuration is wrong",
    53: "it reached its limit of turns",
    130: "it was interrupted",
}


class Gemini:
    """The prompt comes on standard input; the configuration is `~/.gemini/settings.json`."""

    name = "gemini"

    def __init__(self, host: AgentHost) -> None:
        self._host = host

    def self_test(self) -> SelfTest:
        """Its version, and whether there is a key."""
        return SelfTest(self._host.program("gemini", "--version"), self._host.lacks(KEY))

    def launch(self, job: AgentJob) -> Launch:
        """How to start it. Raises TaskUnusable without a key."""
        key, base_url = self._host.key(self.name, job, KEY), self._host.variable(job, BASE_URL)
        model = self._host.model(self.name, job.assignment)
        argv = ["gemini", "--approval-mode=yolo", "--output-format", "stream-json"]
        argv += ["--model", model] if model else []
        variables = {
            KEY: key,
            **({BASE_URL: base_url} if base_url else {}),
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        }
        return Launch(
            self._host.program(*argv),
            environment(job) | variables,
            {SETTINGS_FILE: dumps(_settings(job)).encode()},
            prompt(job.assignment, lambda tool: f"`mcp_{SERVER}_{tool}`", {"model", "max_turns"}),
        )

    def reader(self, assignment: Assignment) -> "GeminiReader":
        """A reader for one run."""
        return GeminiReader(self._host.model(self.name, assignment))


class GeminiReader(JsonLinesReader):
    """Messages come in pieces, which are joined until something else comes; the last line has the tokens."""

    def __init__(self, model: str | None = None) -> None:
        super().__init__(model)
        self._pieces: list[str] = []

    def tell(self, event: Said) -> Sequence[Report] | None:
        """What an object tells."""
        kind = event.text("type")
        if kind == "message":
            return self._message(event)
        told = self._told(kind, event)
        return told if told is None else [*self.rest(), *told]

    def rest(self) -> Sequence[Report]:
        """The message so far."""
        text, self._pieces = "".join(self._pieces), []
        if text.strip():
            self.run.last_message = text
        return entry(StreamType.output, text)

    def exit_meaning(self, exit_code: int | None) -> str | None:
        """What the exit codes of the Gemini CLI mean."""
        return EXIT_CODES.get(exit_code or 0)

    def _told(self, kind: str, event: Said) -> Sequence[Report] | None:
        if kind == "init":
            self.run.session_id, self.run.model = event.text("session_id") or None, event.text("model")
            return []
        if kind == "tool_use":
            return self._call(event)
        if kind == "tool_result":
            return self._result_of_tool(event)
        if kind == "error":
            return entry(StreamType.error, event.text("message"), {"severity": event.text("severity")})
        return self._result(event) if kind == "result" else None

    def _call(self, event: Said) -> Sequence[Report]:
        tool, arguments = event.text("tool_name"), event.arguments("parameters")
        told = self.calls.started(event.text("tool_id"), tool, arguments, self.now)
        todos = event.parts("parameters", "todos") if tool == PLAN_TOOL else []
        return [*told, *checklist([(todo.text("description"), todo.text("status") == "completed") for todo in todos])]

    def _message(self, event: Said) -> Sequence[Report]:
        if event.text("role") != "assistant":
            return []
        told = [] if event.at("delta") is True else list(self.rest())
        self._pieces.append(event.text("content"))
        return told

    def _result_of_tool(self, event: Said) -> Sequence[Report]:
        text, error = text_of(event.part("output")), event.text("error", "message")
        end = CallEnd("" if text == error else text, error, failed=event.text("status") == "error")
        return self.calls.ended(event.text("tool_id"), self.now, end)

    def _result(self, event: Said) -> Sequence[Report]:
        self.finished, told = True, []
        if event.text("status") != "success":
            message = event.text("error", "message") or event.text("status")
            self.fail(message)
            told = entry(StreamType.error, message)
        models = event.part("stats").entries("models") or [(self.run.model, event.part("stats"))]
        return [*told, *(body for model, spent in models for body in _spent(model, spent))]


def _spent(model: str, stats: Said) -> list[Report]:
    sent, total = stats.count("input_tokens"), stats.count("total_tokens")
    # Thoughts are in the total alone.
    received = max(stats.count("output_tokens"), total - sent)
    reasoning = received - stats.count("output_tokens")
    cached = stats.count("cached")
    return tokens(model, sent=sent, received=received, cached=cached, reasoning=reasoning, provider="google")


def _settings(job: AgentJob) -> JsonObject:
    most_turns = turns(job)
    headers: JsonObject = {"Authorization": f"Bearer {job.mcp_token}"}
    return {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False},
        **({"model": {"maxSessionTurns": most_turns}} if most_turns else {}),
        "mcpServers": {
            SERVER: {"httpUrl": job.mcp_url, "headers": headers, "trust": True, "timeout": LONGEST_CALL_S * 1000}
        },
    }
