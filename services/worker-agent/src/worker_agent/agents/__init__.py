"""The agents that a worker can run: an adapter each, in a table."""

from worker_agent.agents.auditor import Auditor
from worker_agent.agents.command import ShellCommand
from worker_agent.ports import AgentAdapter


def adapters(python: str) -> dict[str, AgentAdapter]:
    """Every adapter by name. `python` is the interpreter of the agents that are Python programs."""
    known: tuple[AgentAdapter, ...] = (Auditor(python), ShellCommand())
    return {adapter.name: adapter for adapter in known}
