"""The agent `auditor`: a program of the platform that examines a Python repository, without key or network."""

from collections.abc import Sequence
from datetime import datetime
from json import dumps

from contracts.events.reporting import Report, StreamType
from contracts.sandbox import StreamName
from contracts.tasks import Assignment
from worker_agent.agents.bodies import entry, plain_output
from worker_agent.agents.environment import environment
from worker_agent.agents.reading import PlainReader
from worker_agent.agents.said import said
from worker_agent.ports import AgentJob, Launch, SelfTest

FOR_A_HELPER = {"quality_gate": "report-only"}
"""A worker that asked for help waits for figures: no manager is asked first by what gate to judge them."""
STREAM_TYPES = {kind.value: kind for kind in StreamType}


class Auditor:
    """Runs `python -P -m auditor run`: with `-P` no module of the workspace is taken for one of the auditor's own."""

    name = "auditor"

    def __init__(self, python: str) -> None:
        self._python = python

    def self_test(self) -> SelfTest:
        """Whether the program is there."""
        return SelfTest((self._python, "-P", "-m", "auditor", "--help"))

    def launch(self, job: AgentJob) -> Launch:
        """How to start it."""
        return Launch((self._python, "-P", "-m", "auditor", "run"), environment(job) | _for_a_helper(job.assignment))

    def reader(self, assignment: Assignment) -> "AuditorReader":
        """A reader for one run."""
        return AuditorReader()


class AuditorReader(PlainReader):
    """Each line of standard output is JSON: `{"type": …, "content": …}`."""

    def read(self, stream: StreamName, line: str, at: datetime | None) -> Sequence[Report]:
        """The entry of the live stream that a line stands for."""
        event = said(line) if stream is StreamName.STDOUT else None
        if event is None or event.at("type") is None:
            return plain_output(stream, line)
        told = event.text("type")
        kind = STREAM_TYPES.get(told)
        return entry(kind or StreamType.output, event.text("content"), {} if kind else {"type": told[:100]})


def _for_a_helper(assignment: Assignment) -> dict[str, str]:
    if assignment.collaboration is None:
        return {}
    return {"MEWS_REQUIREMENTS": dumps(FOR_A_HELPER | assignment.requirements.free)}
