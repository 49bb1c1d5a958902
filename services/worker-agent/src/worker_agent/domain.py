"""What a worker holds: attempts and how far they are, questions, and what commands changed."""

from enum import StrEnum
from hashlib import blake2s
from typing import NamedTuple

from contracts.base import EventId, Model, QuestionId, TaskId, UtcTime
from contracts.commands import WorkerConfig
from contracts.events.recovery import Completion
from contracts.questions import Answer
from contracts.sandbox import Process
from contracts.tasks import Assignment

SEQ_PER_START = 1_000_000_000
"""Each start of the worker-agent goes on with a higher thousand million, so that no `seq` of an attempt comes twice."""


class AttemptKey(NamedTuple):
    """One attempt of a task."""

    task_id: TaskId
    attempt: int

    @property
    def workspace(self) -> str:
        """Name of its workspace in the sandbox."""
        return f"{self.task_id}.{self.attempt}"

    def process_id(self, role: str) -> str:
        """The same id for the same role in every try to start it: so nothing is started twice."""
        return f"{blake2s(self.workspace.encode(), digest_size=16).hexdigest()}-{role}"


class Phase(StrEnum):
    """How far an attempt is; each is on disk before what it stands for is begun."""

    accepted = "accepted"
    starting = "starting"
    running = "running"
    ended = "ended"
    reporting = "reporting"
    reported = "reported"


HELD = frozenset(Phase) - {Phase.reported}
"""Phases in which there is still something to do for an attempt."""


class QuestionNote(Model):
    """A question that an attempt asked: asked again after a restart, it is the same one."""

    question_id: QuestionId
    event_id: EventId
    fingerprint: str
    asked_at: UtcTime
    expires_at: UtcTime | None = None
    answer: Answer | None = None
    told: bool = False
    """Whether a call returned the answer."""


class Cancellation(Model):
    """Why an attempt is to be ended, and by whom: the manager, a newer attempt, or a lease that ran out."""

    reason: str
    by_manager: bool = True


class AgentEnd(Model):
    """What an adapter makes of an agent's end. `failure` is None when the agent did what it should."""

    failure: str | None = None
    by_result: bool = False
    """Whether the agent itself said how its run ended; then it counts, however its process ended."""
    version: str | None = None
    model: str | None = None
    tokens_input: int = 0
    tokens_output: int = 0
    tokens_cached: int = 0
    cost_usd: float = 0.0
    session_id: str | None = None
    """By what the CLI itself knows the conversation."""
    last_message: str | None = None


class AttemptRecord(Model):
    """Everything about an attempt that must survive a crash."""

    assignment: Assignment
    phase: Phase = Phase.accepted
    token: str
    starts: int = 0
    """How often the worker-agent was started since it has this attempt."""
    accepted_at: UtcTime
    agent: str = ""
    started_at: UtcTime | None = None
    process: Process | None = None
    """The agent's process, once it has ended; None in phase `ended`: it never ran, or is lost."""
    agent_end: AgentEnd = AgentEnd()
    base_commit: str | None = None
    failure: str | None = None
    """Why the attempt failed before the agent could do its work."""
    retryable: bool = True
    timed_out: bool = False
    lingered: bool = False
    """Whether the agent was ended because it stayed long after saying that it had finished."""
    cancelled: Cancellation | None = None
    claim: Completion | None = None
    questions: list[QuestionNote] = []
    outcome: str | None = None
    """The event of the outcome as it is written to the spool, so that a repeat is the same event."""
    outcome_position: int | None = None
    closed_at: UtcTime | None = None
    cleaned: bool = False
    """Whether its workspace is removed."""

    @property
    def key(self) -> AttemptKey:
        """Which attempt this is."""
        return AttemptKey(self.assignment.task_id, self.assignment.attempt)

    @property
    def held(self) -> bool:
        """Whether there is still something to do for it."""
        return self.phase in HELD


class WorkerState(Model):
    """What commands changed about this worker; it holds across restarts."""

    paused: bool = False
    draining: bool = False
    config: WorkerConfig = WorkerConfig()
    mcp_port: int | None = None
    """The port that running agents know."""
    commands: list[str] = []
    """Ids of the last commands that were obeyed."""
