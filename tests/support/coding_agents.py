"""Real coding agents from npm, and what a scripted model has each of them do: report, edit a file, complete."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.model.script import Turn, Usage
from tests.support.node import ROOT, NoNode, install_locked

LOCKED = ROOT / "tests" / "agents" / "node"
FOLDER = ROOT / ".mews" / "agents"
BIN = FOLDER / "bin"
"""Where the programs are: the AGENT_PATH of a worker."""
WANTED = "MEWS_TEST_AGENTS"
"""Variable with the agents to test, separated by commas; each is a download of 100 to 420 MB."""
DEFAULT = "gemini"
KEY = "sk-scripted-key-0123456789"
MODEL = "scripted-model"
GREETING = "Hello from the agent\n"
WRITE = f"printf '{GREETING.strip()}\\n' > greeting.txt && cat greeting.txt"


@dataclass(frozen=True)
class CodingAgent:
    """One agent: where its program is, by which variables it finds its model, and how it edits a file."""

    name: str
    program: str
    """Path below `node_modules`."""
    key: str
    address: str
    address_path: str
    model: str
    edit: Turn
    """The call of the agent's own tool that writes `greeting.txt`."""
    prefix: str
    """What stands before the name of a worker tool when the agent calls it."""

    def env(self, model_url: str) -> dict[str, str]:
        """The variables of a task for it."""
        return {self.key: KEY, self.address: model_url + self.address_path}

    def install(self) -> None:
        """Install its program into the folder `BIN`. Raises NoNode with the reason."""
        modules = install_locked(LOCKED / self.name, FOLDER / self.name)
        BIN.mkdir(parents=True, exist_ok=True)
        place, fresh = BIN / self.name, BIN / f".{self.name}-{os.getpid()}"
        fresh.symlink_to(modules / self.program)
        fresh.replace(place)

    def script(self) -> list[Turn]:
        """A short day's work: progress, a decision, an edit, completion; tokens differ in each turn."""
        choice = {"decision_type": "technical", "chosen_option": "one file", "reasoning": "nothing more is asked"}
        done = {"summary": {"overview": "The greeting is written"}, "status": "completed"}
        return [
            Turn("report_progress", {"status": "executing"}, thought="One file will do.", usage=Usage(1000)),
            Turn("report_decision", choice, text="I write the greeting.", usage=Usage(1100)),
            self.edit,
            Turn("report_completion", done, usage=Usage(1300)),
            Turn(text="The greeting is written.", usage=Usage(1400)),
        ]


def _shell(tool: str, **more: Any) -> Turn:
    return Turn(tool, {"command": WRITE, **more}, usage=Usage(1200))


AGENTS: Mapping[str, CodingAgent] = {
    agent.name: agent
    for agent in (
        CodingAgent(
            "codex",
            ".bin/codex",
            "CODEX_API_KEY",
            "OPENAI_BASE_URL",
            "/v1",
            MODEL,
            Turn("exec_command", {"cmd": WRITE}, usage=Usage(1200)),
            "mews.",
        ),
        CodingAgent(
            "opencode",
            "opencode-linux-x64/bin/opencode",
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "/v1",
            f"given/{MODEL}",
            _shell("bash", description="Write the greeting"),
            "mews_",
        ),
        CodingAgent(
            "gemini",
            ".bin/gemini",
            "GEMINI_API_KEY",
            "GOOGLE_GEMINI_BASE_URL",
            "",
            "gemini-2.5-flash",
            Turn("write_file", {"file_path": "greeting.txt", "content": GREETING}, usage=Usage(1200)),
            "mcp_mews_",
        ),
        CodingAgent(
            "claude",
            "@anthropic-ai/claude-code-linux-x64/claude",
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_BASE_URL",
            "",
            MODEL,
            _shell("Bash", description="Write the greeting"),
            "mcp__mews__",
        ),
    )
}


def wanted_agents() -> list[str]:
    """The agents that this run of the tests is to try."""
    names = os.environ.get(WANTED, DEFAULT)
    return sorted(AGENTS) if names == "all" else [name.strip() for name in names.split(",") if name.strip()]


def install_wanted() -> Path:
    """Install the agents that are wanted; the folder of their programs. Raises NoNode with the reason."""
    for name in wanted_agents():
        if name not in AGENTS:
            raise NoNode(f"{WANTED}: {name!r} is none of {', '.join(sorted(AGENTS))}")
        AGENTS[name].install()
    return BIN
