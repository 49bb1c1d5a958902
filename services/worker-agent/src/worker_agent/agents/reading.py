"""What all readers of agents have in common: lines of JSON, what a run has spent, and how it ended."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.events.reporting import Report, TokenUsage
from contracts.sandbox import Process, StreamName
from worker_agent.agents.bodies import MAX_NAME, Calls, plain_output, raw_output
from worker_agent.agents.said import MAX_COUNT, Said, said
from worker_agent.decisions.lines import readable, shortened
from worker_agent.decisions.outcome import exit_failure
from worker_agent.domain import AgentEnd

MAX_REASON = 500
WAITS_FOR_A_PERSON = re.compile(
    r"(?i)\b(press any key to (log|sign) ?in|not (logged|signed) in|please (run )?\S{0,20} ?(log|sign) ?in"
    r"|enter the authorization code|waiting for auth|do you trust|trust this (folder|workspace|directory))\b"
)


@dataclass(slots=True)
class Run:
    """What is known of a run so far."""

    version: str | None = None
    model: str = ""
    session_id: str | None = None
    sent: int = 0
    received: int = 0
    cached: int = 0
    cost: float = 0.0
    last_message: str = ""
    failure: str | None = None


class PlainReader:
    """Every line is output, and the exit code says how it went."""

    finished = False
    hopeless: str | None = None

    def read(self, stream: StreamName, line: str, at: datetime | None) -> Sequence[Report]:
        """The line, unless it is blank."""
        return plain_output(stream, line)

    def rest(self) -> Sequence[Report]:
        """Nothing is kept back."""
        return []

    def end(self, process: Process) -> AgentEnd:
        """Exit code 0 is success."""
        return AgentEnd(failure=exit_failure(process))


class JsonLinesReader:
    """Each line of standard output is a JSON object; a subclass knows its words.

    A line that is no JSON is output, an object that the subclass does not know is kept raw. Neither ends the run.
    """

    def __init__(self, model: str | None = None) -> None:
        self.finished = False
        """Whether the agent has said how its run ended."""
        self.hopeless: str | None = None
        """Why the run can only be ended."""
        self.run = Run(model=model or "")
        self.calls = Calls()
        self.now: datetime | None = None
        """When the line that is being read was seen."""
        self._complaint = ""

    def tell(self, event: Said) -> Sequence[Report] | None:
        """What an object tells; None when it is unknown."""
        raise NotImplementedError

    def read(self, stream: StreamName, line: str, at: datetime | None) -> Sequence[Report]:
        """What a line tells."""
        self.now = at
        event = said(line) if stream is StreamName.STDOUT else None
        if event is None:
            self._listen(line)
            return plain_output(stream, line)
        told = self.tell(event)
        if told is None:
            return raw_output(line)
        for body in told:
            if isinstance(body, TokenUsage):
                self._count(body)
        return told

    def rest(self) -> Sequence[Report]:
        """What was kept back until more of it came."""
        return []

    def end(self, process: Process) -> AgentEnd:
        """What the agent said counts more than its exit code: it may have been ended because it did not go."""
        run = self.run
        return AgentEnd(
            failure=self._failure(process),
            by_result=self.finished or self.hopeless is not None,
            version=(run.version or "")[:MAX_NAME] or None,
            model=run.model[:MAX_NAME] or None,
            tokens_input=min(run.sent, MAX_COUNT),
            tokens_output=min(run.received, MAX_COUNT),
            tokens_cached=min(run.cached, MAX_COUNT),
            cost_usd=run.cost,
            session_id=run.session_id,
            last_message=shortened(run.last_message) or None,
        )

    def exit_meaning(self, exit_code: int | None) -> str | None:
        """What an exit code of this agent means, in words; None when there is nothing to add."""
        return None

    def fail(self, reason: str) -> None:
        """The agent said that its run failed."""
        self.run.failure = shortened(readable(reason).strip() or "it did not say why", MAX_REASON)

    def _failure(self, process: Process) -> str | None:
        if self.hopeless is not None:
            return self.hopeless
        if self.finished:
            return f"the agent failed: {self.run.failure}" if self.run.failure else None
        failure = exit_failure(process)
        if failure is None:
            return "the agent ended without a result" + self._why()
        return failure + self._why(self.exit_meaning(process.exit_code))

    def _why(self, meaning: str | None = None) -> str:
        why = meaning or self.run.failure or self._complaint
        return f": {why}" if why else ""

    def _listen(self, line: str) -> None:
        text = readable(line).strip()
        if not text:
            return
        self._complaint = shortened(text, MAX_REASON)
        if WAITS_FOR_A_PERSON.search(text):
            self.hopeless = f"the agent waits for a person: {shortened(text, MAX_REASON)}"

    def _count(self, usage: TokenUsage) -> None:
        self.run.sent += usage.input_tokens
        self.run.received += usage.output_tokens
        self.run.cached += usage.cached_tokens
        self.run.cost += usage.cost_usd or 0.0
