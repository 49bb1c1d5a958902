"""Real coding agents from npm, and what a scripted model has each of them do: report, edit a file, complete."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.model.script import Turn, Usage
from tests.support.node import ROOT, NoNode, install_locked

LOCKED = ROOT / "tests" / "agents" / "node"
FOLDER = ROOT / ".mews" / "agents"
BIN = FOLDER / "bin"
"""Where the programs are: the AGENT_PATH of a worker."""
WANTED = "MEWS_TEST_AGENTS"
"""Variable with the agents to test, separated by commas; each takes 100 to 420 MB of disk."""
DEFAULT = "codex"
KEY = "sk-scripted-key-0123456789"
MODEL = "scripted-model"
GREETING = "Hello from the agent\n"
CHOICE = {"decision_type": "technical", "chosen_option": "one file", "reasoning": "nothing more is asked"}


@dataclass(frozen=True)
class CodingAgent:
    """One agent: where its program is, by which variables it finds its model, and what its own tools are called."""

    name: str
    program: str
    """Path below `node_modules`."""
    key: str
    address: str
    address_path: str
    model: str
    prefix: str
    """What stands before the name of a worker tool in what is observed."""
    shell: str
    """Its tool that runs a command."""
    command: str
    """The parameter of that tool."""
    shown_as: str
    """What that tool is called in what is observed."""
    todos: Turn | None = None
    """A call of the tool with which it plans for itself."""

    def env(self, model_url: str) -> dict[str, str]:
        """The variables of a task for it."""
        return {self.key: KEY, self.address: model_url + self.address_path}

    def install(self) -> None:
        """Install its program into the folder `BIN`. Raises NoNode with the reason."""
        modules = install_locked(LOCKED / self.name, FOLDER / self.name)
        BIN.mkdir(parents=True, exist_ok=True)
        fresh = BIN / f".{self.name}-{os.getpid()}"
        fresh.symlink_to(modules / self.program)
        fresh.replace(BIN / self.name)

    def work(self) -> list[Turn]:
        """A short day's work: progress, a decision, an edit, completion; tokens differ from turn to turn."""
        done = {"summary": {"overview": "The greeting is written"}, "status": "completed"}
        return [
            Turn("report_progress", {"status": "executing"}, thought="One file will do.", usage=Usage(1000)),
            Turn("report_decision", CHOICE, text="I write the greeting.", usage=Usage(1100)),
            self._run(f"printf '{GREETING.strip()}\\n' > greeting.txt && cat greeting.txt"),
            Turn("report_completion", done, usage=Usage(1300)),
            Turn(text="The greeting is written.", usage=Usage(1400)),
        ]

    def trouble(self) -> list[Turn]:
        """A bad day: a plan of its own, a command that fails, a worker tool that refuses, and a claim of failure."""
        failed = {"summary": {"overview": "The tests fail"}, "status": "failed"}
        return [
            *([self.todos] if self.todos else []),
            self._run("echo oh no >&2; exit 3"),
            Turn("report_progress", {"status": "executing", "metrics": {"percent_complete": 400}}),
            Turn("report_completion", failed),
            Turn(text="I could not do it."),
        ]

    def _run(self, command: str) -> Turn:
        described = {} if self.shell == "exec_command" else {"description": "Run a command"}
        return Turn(self.shell, {self.command: command, **described}, usage=Usage(1200))


def _todos(tool: str, text: str, **more: Any) -> Turn:
    steps = [("Write the greeting", "completed"), ("Test it", "in_progress")]
    return Turn(tool, {"todos": [{text: step, "status": status, **more} for step, status in steps]})


_AGENTS = (
    CodingAgent(
        name="codex",
        program=".bin/codex",
        key="CODEX_API_KEY",
        address="OPENAI_BASE_URL",
        address_path="/v1",
        model=MODEL,
        prefix="mews.",
        shell="exec_command",
        command="cmd",
        shown_as="shell",
    ),
    CodingAgent(
        name="opencode",
        program="opencode-linux-x64/bin/opencode",
        key="OPENAI_API_KEY",
        address="OPENAI_BASE_URL",
        address_path="/v1",
        model=f"given/{MODEL}",
        prefix="mews_",
        shell="bash",
        command="command",
        shown_as="bash",
        todos=_todos("todowrite", "content", priority="high"),
    ),
    CodingAgent(
        name="gemini",
        program=".bin/gemini",
        key="GEMINI_API_KEY",
        address="GOOGLE_GEMINI_BASE_URL",
        address_path="",
        model="gemini-2.5-flash",
        prefix="mcp_mews_",
        shell="run_shell_command",
        command="command",
        shown_as="run_shell_command",
        todos=_todos("write_todos", "description"),
    ),
    CodingAgent(
        name="claude",
        program="@anthropic-ai/claude-code-linux-x64/claude",
        key="ANTHROPIC_API_KEY",
        address="ANTHROPIC_BASE_URL",
        address_path="",
        model=MODEL,
        prefix="mcp__mews__",
        shell="Bash",
        command="command",
        shown_as="Bash",
    ),
)
AGENTS: Mapping[str, CodingAgent] = {agent.name: agent for agent in _AGENTS}


def wanted_agents() -> list[str]:
    """The agents that this run of the tests is to try."""
    names = os.environ.get(WANTED, DEFAULT)
    return sorted(AGENTS) if names == "all" else [name.strip() for name in names.split(",") if name.strip()]


def install_wanted() -> None:
    """Install the agents that are wanted. Raises NoNode with the reason."""
    for name in wanted_agents():
        if name not in AGENTS:
            raise NoNode(f"{WANTED}: {name!r} is none of {', '.join(sorted(AGENTS))}")
        AGENTS[name].install()


def variables_of_wanted() -> dict[str, str]:
    """The variables of a worker that is to have the agents that are wanted."""
    return {"AGENT_PATH": str(BIN), **{AGENTS[name].key: KEY for name in wanted_agents()}}
