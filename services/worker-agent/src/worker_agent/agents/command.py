"""The agent `command`: any program. What it writes is shown as it comes; its exit code says how it went."""

from pydantic import JsonValue

from contracts.tasks import Assignment
from worker_agent.agents.environment import environment
from worker_agent.agents.reading import PlainReader
from worker_agent.errors import TaskUnusable
from worker_agent.ports import AgentJob, Launch, SelfTest

SHELL = ("/bin/sh", "-c")


class ShellCommand:
    """Runs `requirements.command`: a string for the shell, or a list of the program and its arguments."""

    name = "command"

    def self_test(self) -> SelfTest:
        """Whether there is a shell."""
        return SelfTest((*SHELL, "exit 0"))

    def launch(self, job: AgentJob) -> Launch:
        """How to start it. Raises TaskUnusable without a command."""
        return Launch(_argv(job.assignment.requirements.free.get("command")), environment(job))

    def reader(self, assignment: Assignment) -> PlainReader:
        """A reader for one run."""
        return PlainReader()


def _argv(command: JsonValue) -> tuple[str, ...]:
    if isinstance(command, str) and command.strip():
        return (*SHELL, command)
    if isinstance(command, list) and command and all(isinstance(part, str) for part in command):
        return tuple(str(part) for part in command)
    raise TaskUnusable("the agent `command` needs requirements.command: a string for the shell, or a list of strings")
