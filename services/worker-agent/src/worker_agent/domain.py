"""What a worker holds: attempts and how far they are, questions, and what commands changed."""

from enum import StrEnum
from hashlib import blake2s
from typing import NamedTuple

from contracts.base import Count, EventId, Model, Name, OptionalText, QuestionId, TaskId, UtcTime
from contracts.commands import WorkerConfig
from contracts.events.planning import PlanType, StepStatus
from contracts.events.recovery import Completion, ObservedCommand
from contracts.events.reporting import Progress
from contracts.events.resources import GrantState
from contracts.questions import Answer, RequestedResource, RequestResources
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

    @property
    def agent(self) -> str:
        """Id of its agent's process in the sandbox."""
        return self.process_id("agent")

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


class ToolProfile(StrEnum):
    """How many tools an agent gets to see: what daily work needs, or all."""

    core = "core"
    full = "full"


class ToolAccess(Model):
    """Which tools an attempt may call: those of its profile, and single ones that were granted."""

    profile: ToolProfile = ToolProfile.full
    extra: frozenset[str] = frozenset()

    def granted(self, what: str) -> "ToolAccess":
        """The same with one more tool, or with a whole profile."""
        if what in set(ToolProfile):
            return self.model_copy(update={"profile": ToolProfile(what)})
        return self.model_copy(update={"extra": self.extra | {what}})

    def withdrawn(self, what: str, profile: ToolProfile = ToolProfile.core) -> "ToolAccess":
        """The same without one tool, or, where `what` is a profile, back to the profile of before."""
        if what in set(ToolProfile):
            return self.model_copy(update={"profile": profile})
        return self.model_copy(update={"extra": self.extra - {what}})


class QuestionNote(Model):
    """A question that an attempt asked: asked again after a restart, it is the same one."""

    question_id: QuestionId
    event_id: EventId
    fingerprint: str
    asked_at: UtcTime
    expires_at: UtcTime | None = None
    answer: Answer | None = None
    told: bool = False
    """Whether a call returned how it ended: asked again, it is a new one."""
    heard: bool = False
    """Whether the agent has heard the answer itself."""


class StepNote(Model):
    """A step of a plan as it stands."""

    step_id: Name
    description: str
    status: StepStatus = StepStatus.pending


class PlanNote(Model):
    """The current plan of its type."""

    plan_type: PlanType
    steps: list[StepNote]


class NoticeKind(StrEnum):
    """What an agent is told by `check_commands`."""

    pause = "pause"
    resume = "resume"
    cancel = "cancel"
    drain = "drain"
    restart = "restart"
    grant = "grant"
    answer = "answer"


class Notice(Model):
    """Something that an agent should hear: what it is, and in a sentence what it means for the agent."""

    kind: NoticeKind
    text: OptionalText
    at: UtcTime | None = None
    question_id: QuestionId | None = None


class Pause(Model):
    """An attempt is to stand still: asked for, then in force, then to be ended."""

    reason: OptionalText
    asked_at: UtcTime
    stopped_at: UtcTime | None = None
    """Since when the agent's processes are stopped; None: not yet, or the sandbox cannot."""
    before: Progress | None = None
    """What the agent had reported last."""
    over: bool = False
    """The attempt may go on; set until it does."""


class Target(StrEnum):
    """A limit of the agent's process, or a quota of the platform, that a grant can raise."""

    memory_mb = "memory_mb"
    run_ms = "run_ms"
    cpu_ms = "cpu_ms"
    processes = "processes"
    disk_mb = "disk_mb"
    output_mb = "output_mb"
    artifact_mb = "artifact_mb"
    questions = "questions"


class GrantNote(Model):
    """A request that was granted: what it changes, and how far that is. Each step is taken once, whatever dies."""

    question_id: QuestionId
    resource_type: RequestedResource
    amount: str
    """In words, as it was granted."""
    granted_by: str = "policy"
    granted_at: UtcTime
    expires_at: UtcTime | None = None
    event_id: EventId
    """Of the event that tells how applying it went."""
    end_event_id: EventId
    """Of the event that tells of its end."""
    target: str | None = None
    """What is changed; None until that is decided."""
    base: int | None = None
    """The value of a limit or quota without any grant."""
    delta: int = 0
    """How much comes on top of it."""
    what: str | None = None
    """The tool, tool profile or package that may be used besides."""
    before: str | None = None
    after: str | None = None
    state: GrantState | None = None
    """None: not applied yet."""
    detail: str | None = None


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
    traceparent: str | None = None
    """The trace in which it was taken."""
    starts: int = 0
    """How often the worker-agent was started since it has this attempt."""
    crashes: int = 0
    """How often the worker-agent or the sandbox died while they had it."""
    accepted_at: UtcTime
    agent: str = ""
    started_at: UtcTime | None = None
    process: Process | None = None
    """The agent's process, once it has ended; None in phase `ended`: it never ran, or is lost."""
    agent_end: AgentEnd = AgentEnd()
    base_commit: str | None = None
    test_commands: list[ObservedCommand] = []
    """Test runs of the agent, as its output shows them."""
    failure: str | None = None
    """Why the attempt failed before the agent could do its work."""
    retryable: bool = True
    timed_out: bool = False
    lingered: bool = False
    """Whether the agent was ended because it stayed long after saying that it had finished."""
    cancelled: Cancellation | None = None
    claim: Completion | None = None
    questions: list[QuestionNote] = []
    tools: ToolAccess = ToolAccess()
    plans: list[PlanNote] = []
    """One of each type, the newest last."""
    notices: list[Notice] = []
    """What the agent has not heard yet."""
    pause: Pause | None = None
    paused_ms: Count = 0
    """How long it stood still, in pauses that are over."""
    requests: dict[str, RequestResources] = {}
    """Requests that went to the manager, by question: what a decision of them is about."""
    grants: list[GrantNote] = []
    artifacts: dict[str, int] = {}
    """Bytes of what it has published, by key in the object store."""
    outcome: str | None = None
    """The event of the outcome as it is written to the spool, so that a repeat is the same event."""
    outcome_position: int | None = None
    closed_at: UtcTime | None = None
    unsaved: bool = False
    """Whether its workspace may hold work that is nowhere else yet: then it is not removed."""
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


class Bundle(NamedTuple):
    """What a workspace holds beyond its source, as one file."""

    content: bytes
    media_type: str


class WorkerState(Model):
    """What commands changed about this worker; it holds across restarts."""

    paused: bool = False
    draining: bool = False
    config: WorkerConfig = WorkerConfig()
    mcp_port: int | None = None
    """The port that running agents know."""
    commands: list[str] = []
    """Ids of the last commands that were obeyed."""
    forestalled: list[AttemptKey] = []
    """Attempts that were cancelled before their assignment was here, the last ones: none of them is begun."""
    paused_before: list[AttemptKey] = []
    """Attempts that were paused before their assignment was here: they stand still from the beginning."""
    paused_before_for: list[OptionalText] = []
    """The reason of each of these; shorter where a version that kept none has written it."""
