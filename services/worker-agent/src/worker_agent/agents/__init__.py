"""The agents that a worker can run: an adapter each, in a table."""

from worker_agent.agents.auditor import Auditor
from worker_agent.agents.claude import Claude
from worker_agent.agents.codex import Codex
from worker_agent.agents.command import ShellCommand
from worker_agent.agents.cursor import Cursor
from worker_agent.agents.gemini import Gemini
from worker_agent.agents.host import AgentHost
from worker_agent.agents.opencode import OpenCode
from worker_agent.ports import AgentAdapter

__all__ = ["AgentHost", "adapters"]


def adapters(host: AgentHost) -> dict[str, AgentAdapter]:
    """Every adapter by name."""
    known: tuple[AgentAdapter, ...] = (
        Auditor(host.python),
        ShellCommand(),
        Cursor(host),
        Claude(host),
        Codex(host),
        Gemini(host),
        OpenCode(host),
    )
    return {adapter.name: adapter for adapter in known}
