"""The agent `auditor`: a program of the platform that examines a Python repository, without key or network."""

from collections.abc import Sequence
from json import JSONDecodeError, dumps, loads
from typing import Any

from contracts.base import JsonObject
from contracts.events.reporting import Report, StreamData, StreamType
from contracts.sandbox import Process, StreamName
from worker_agent.agents.command import plain_output
from worker_agent.agents.environment import environment
from worker_agent.decisions.lines import readable, shortened
from worker_agent.decisions.outcome import exit_failure
from worker_agent.domain import AgentEnd
from worker_agent.ports import AgentJob, Launch

STREAM_TYPES = {kind.value: kind for kind in StreamType}


class Auditor:
    """Runs `python -P -m auditor run`: with `-P` no module of the workspace is taken for one of the auditor's own."""

    name = "auditor"

    def __init__(self, python: str) -> None:
        self._python = python

    def self_test(self) -> tuple[str, ...]:
        """A command that exits with 0 where this agent can run."""
        return (self._python, "-P", "-m", "auditor", "--help")

    def launch(self, job: AgentJob) -> Launch:
        """How to start it."""
        return Launch((self._python, "-P", "-m", "auditor", "run"), environment(job))

    def reader(self) -> "AuditorReader":
        """A reader for one run."""
        return AuditorReader()


class AuditorReader:
    """Each line of standard output is JSON: `{"type": …, "content": …}`."""

    def read(self, stream: StreamName, line: str) -> Sequence[Report]:
        """The entry of the live stream that a line stands for."""
        said = _said(line) if stream is StreamName.STDOUT else None
        if said is None:
            return plain_output(stream, line)
        content = said.get("content", "")
        text = readable(content if isinstance(content, str) else dumps(content, ensure_ascii=False))
        if not text.strip():
            return []
        kind = STREAM_TYPES.get(str(said["type"]))
        metadata: JsonObject = {} if kind else {"type": str(said["type"])[:100]}
        return [StreamData(stream_type=kind or StreamType.output, content=shortened(text), metadata=metadata)]

    def end(self, process: Process) -> AgentEnd:
        """Exit code 0 is success."""
        return AgentEnd(failure=exit_failure(process))


def _said(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        said = loads(line)
    except JSONDecodeError:
        return None
    return said if isinstance(said, dict) and "type" in said else None
