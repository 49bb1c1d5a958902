"""The envelope of an event, one class a kind, and the union of them all."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from contracts.base import AttemptNumber, Count, EventId, Model, QuestionId, TaskId, UtcTime, WorkerId
from contracts.events.planning import Decision, Plan
from contracts.events.quality import CodeQuality, TestResults
from contracts.events.recovery import Completion, ErrorReport, Outcome
from contracts.events.reporting import Analytics, Milestone, Progress, StreamData
from contracts.events.resources import PerformanceProfile, ResourceUsage
from contracts.questions import AskManager, Collaborate, RequestResources
from contracts.workers import Registration


class Evidence(StrEnum):
    """How sure a report is: the agent said it, the worker-agent saw it, the platform ran it again itself."""

    reported = "reported"
    observed = "observed"
    verified = "verified"


class EventBase(Model):
    """What every event carries. (`task_id`, `attempt`, `seq`) orders the events of one attempt."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: EventId
    worker_id: WorkerId
    task_id: TaskId | None = None
    attempt: AttemptNumber | None = None
    seq: Count = 0
    occurred_at: UtcTime
    evidence: Evidence = Evidence.reported


class ProgressEvent(EventBase):
    """`worker.progress.<worker>`."""

    kind: Literal["progress"] = "progress"
    body: Progress


class MilestoneEvent(EventBase):
    """`worker.milestone.<worker>`."""

    kind: Literal["milestone"] = "milestone"
    body: Milestone


class AnalyticsEvent(EventBase):
    """`worker.analytics.<worker>`."""

    kind: Literal["analytics"] = "analytics"
    body: Analytics


class StreamEvent(EventBase):
    """`worker.stream.<worker>.<task>`."""

    kind: Literal["stream"] = "stream"
    body: StreamData


class DecisionEvent(EventBase):
    """`worker.decision.<worker>`."""

    kind: Literal["decision"] = "decision"
    body: Decision


class PlanEvent(EventBase):
    """`worker.plan.<worker>`."""

    kind: Literal["plan"] = "plan"
    body: Plan


class TestsEvent(EventBase):
    """`worker.tests.<worker>`."""

    __test__ = False

    kind: Literal["tests"] = "tests"
    body: TestResults


class QualityEvent(EventBase):
    """`worker.quality.<worker>`."""

    kind: Literal["quality"] = "quality"
    body: CodeQuality


class ResourceEvent(EventBase):
    """`worker.resource.<worker>`."""

    kind: Literal["resource"] = "resource"
    body: ResourceUsage


class ProfileEvent(EventBase):
    """`worker.profile.<worker>`."""

    kind: Literal["profile"] = "profile"
    body: PerformanceProfile


class ErrorEvent(EventBase):
    """`worker.error.<worker>`."""

    kind: Literal["error"] = "error"
    body: ErrorReport


class CompletionEvent(EventBase):
    """`worker.completion.<worker>`: the agent's claim; it closes nothing."""

    kind: Literal["completion"] = "completion"
    body: Completion


class OutcomeEvent(EventBase):
    """`worker.completion.<worker>`: the worker-agent's word, which closes the attempt."""

    kind: Literal["outcome"] = "outcome"
    body: Outcome


class RegisteredEvent(EventBase):
    """`worker.registered`."""

    kind: Literal["registered"] = "registered"
    body: Registration


class QuestionEvent(EventBase):
    """`manager.question.<worker>`, from `ask_manager`."""

    kind: Literal["question"] = "question"
    question_id: QuestionId
    body: AskManager


class ResourceRequestEvent(EventBase):
    """`manager.question.<worker>`, from `request_resources`."""

    kind: Literal["resource_request"] = "resource_request"
    question_id: QuestionId
    body: RequestResources


class CollaborationRequestEvent(EventBase):
    """`manager.question.<worker>`, from `collaborate_with_worker`."""

    kind: Literal["collaboration_request"] = "collaboration_request"
    question_id: QuestionId
    body: Collaborate


Event = Annotated[
    ProgressEvent
    | MilestoneEvent
    | AnalyticsEvent
    | StreamEvent
    | DecisionEvent
    | PlanEvent
    | TestsEvent
    | QualityEvent
    | ResourceEvent
    | ProfileEvent
    | ErrorEvent
    | CompletionEvent
    | OutcomeEvent
    | RegisteredEvent
    | QuestionEvent
    | ResourceRequestEvent
    | CollaborationRequestEvent,
    Field(discriminator="kind"),
]
"""Any event of a worker, told apart by `kind`."""
