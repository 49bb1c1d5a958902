"""The agent `command`: any program. What it writes is shown as it comes; its exit code says how it went."""

from collections.abc import Sequence

from pydantic import JsonValue

from contracts.events.reporting import Report, StreamData, StreamType
from contracts.sandbox import Process, StreamName
from worker_agent.agents.environment import environment
from worker_agent.decisions.lines import readable, shortened
from worker_agent.decisions.outcome import exit_failure
from worker_agent.domain import AgentEnd
from worker_agent.errors import TaskUnusable
from worker_agent.ports import AgentJob, Launch

SHELL = ("/bin/sh", "-c")


class ShellCommand:
    """Runs `requirements.command`: a string for the shell, or a list of the program and its arguments."""

    name = "command"

    def self_test(self) -> tuple[str, ...]:
        """A command that exits with 0 where this agent can run."""
        return (*SHELL, "exit 0")

    def launch(self, job: AgentJob) -> Launch:
        """How to start it. Raises TaskUnusable without a command."""
        return Launch(_argv(job.assignment.requirements.free.get("command")), environment(job))

    def reader(self) -> "PlainReader":
        """A reader for one run."""
        return PlainReader()


class PlainReader:
    """Every line is output."""

    def read(self, stream: StreamName, line: str) -> Sequence[Report]:
        """The line, unless it is blank."""
        return plain_output(stream, line)

    def end(self, process: Process) -> AgentEnd:
        """Exit code 0 is success."""
        return AgentEnd(failure=exit_failure(process))


def plain_output(stream: StreamName, line: str) -> list[Report]:
    """A line as an entry of the live stream; none for a blank one."""
    text = readable(line)
    if not text.strip():
        return []
    metadata: dict[str, JsonValue] = {"stream": "stderr"} if stream is StreamName.STDERR else {}
    return [StreamData(stream_type=StreamType.output, content=shortened(text), metadata=metadata)]


def _argv(command: JsonValue) -> tuple[str, ...]:
    if isinstance(command, str) and command.strip():
        return (*SHELL, command)
    if isinstance(command, list) and command and all(isinstance(part, str) for part in command):
        return tuple(str(part) for part in command)
    raise TaskUnusable("the agent `command` needs requirements.command: a string for the shell, or a list of strings")
