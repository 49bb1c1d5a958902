"""Agents: how each is started, and how its output is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from contracts.events.reporting import Report
from contracts.sandbox import (
    Process,
    StreamName,
)
from contracts.tasks import Assignment
from worker_agent.domain import AgentEnd


@dataclass(frozen=True, slots=True)
class AgentJob:
    """What an adapter gets to know about the attempt that it starts an agent for. Paths are those in the sandbox."""

    assignment: Assignment
    mcp_url: str
    mcp_token: str
    home: str = ""
    """The agent's private HOME."""
    folder: str = ""
    """The work tree, where it is started."""
    traceparent: str | None = None
    """The trace to which its own spans belong, if it makes any."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How an agent is started: command line, environment, files below its HOME, and its standard input."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    stdin: str | None = None


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A command that exits with 0 where an agent can run, and prints its version; or what is lacking without trying."""

    argv: tuple[str, ...]
    lacks: str | None = None


class AgentReader(Protocol):
    """Reads the output of one run, line by line. Nothing that an agent writes raises."""

    @property
    def finished(self) -> bool:
        """Whether the agent has said how its run ended, so that it has no reason to stay."""
        ...

    @property
    def hopeless(self) -> str | None:
        """Why the run can only be ended: it waits for a person, or began without its tools. None while it can go on."""
        ...

    def read(self, stream: StreamName, line: str, at: datetime | None) -> Sequence[Report]:
        """What a line, seen at that time, tells, as bodies of events; often one, or none."""
        ...

    def rest(self) -> Sequence[Report]:
        """What was kept back until more of it came, after the last line."""
        ...

    def end(self, process: Process) -> AgentEnd:
        """What the run was, after its last line."""
        ...


class AgentAdapter(Protocol):
    """One kind of agent: how it is started, and how its output is read."""

    @property
    def name(self) -> str:
        """The name in `requirements.agent` and in the capability `agent:<name>`."""
        ...

    def self_test(self) -> SelfTest:
        """How to find out whether this agent can run here."""
        ...

    def launch(self, job: AgentJob) -> Launch:
        """How to start it. Raises TaskUnusable when the task lacks what this agent needs."""
        ...

    def reader(self, assignment: Assignment) -> AgentReader:
        """A reader for one run."""
        ...
