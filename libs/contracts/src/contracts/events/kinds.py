"""The kinds of events, one class each, and the union of them all."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import QuestionId
from contracts.events.code import CodeChange, DependencyAnalysis, SecurityScan
from contracts.events.deliverables import Artifact, Checkpoint, StoredObject
from contracts.events.envelope import EventBase
from contracts.events.planning import Decision, Plan, PlanStepUpdate
from contracts.events.quality import Benchmark, CodeQuality, Coverage, TestResults
from contracts.events.recovery import Blocker, Completion, ErrorReport, Outcome, Recovery, SessionEnd
from contracts.events.reporting import Analytics, Milestone, Progress, StreamData, TokenUsage, ToolCall
from contracts.events.resources import ApiQuota, Grant, PerformanceProfile, ResourceUsage
from contracts.learnings import ShareLearning
from contracts.questions import AskManager, Collaborate, RequestResources, RespondToCollaboration
from contracts.workers import Registration


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
    """`worker.registered.<worker>`."""

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


class ToolCallEvent(EventBase):
    """`worker.stream.<worker>.<task>`: a call that the agent reports, or that the worker-agent saw."""

    kind: Literal["tool_call"] = "tool_call"
    body: ToolCall


class TokenUsageEvent(EventBase):
    """`worker.resource.<worker>`."""

    kind: Literal["token_usage"] = "token_usage"
    body: TokenUsage


class PlanStepEvent(EventBase):
    """`worker.plan.<worker>`."""

    kind: Literal["plan_step"] = "plan_step"
    body: PlanStepUpdate


class CoverageEvent(EventBase):
    """`worker.tests.<worker>`."""

    kind: Literal["coverage"] = "coverage"
    body: Coverage


class BenchmarkEvent(EventBase):
    """`worker.tests.<worker>`."""

    kind: Literal["benchmark"] = "benchmark"
    body: Benchmark


class SecurityScanEvent(EventBase):
    """`worker.quality.<worker>`."""

    kind: Literal["security_scan"] = "security_scan"
    body: SecurityScan


class DependencyAnalysisEvent(EventBase):
    """`worker.quality.<worker>`."""

    kind: Literal["dependency_analysis"] = "dependency_analysis"
    body: DependencyAnalysis


class CodeChangeEvent(EventBase):
    """`worker.quality.<worker>`."""

    kind: Literal["code_change"] = "code_change"
    body: CodeChange


class ArtifactEvent(EventBase):
    """`worker.milestone.<worker>`: what was published, and where it lies."""

    kind: Literal["artifact"] = "artifact"
    stored: StoredObject
    body: Artifact


class CheckpointEvent(EventBase):
    """`worker.milestone.<worker>`: what was saved, and where it lies."""

    kind: Literal["checkpoint"] = "checkpoint"
    stored: StoredObject
    body: Checkpoint


class ApiQuotaEvent(EventBase):
    """`worker.resource.<worker>`."""

    kind: Literal["api_quota"] = "api_quota"
    body: ApiQuota


class GrantEvent(EventBase):
    """`worker.resource.<worker>`: the worker-agent's word on what a request has changed."""

    kind: Literal["grant"] = "grant"
    body: Grant


class RecoveryEvent(EventBase):
    """`worker.error.<worker>`."""

    kind: Literal["recovery"] = "recovery"
    body: Recovery


class BlockerEvent(EventBase):
    """`worker.error.<worker>`."""

    kind: Literal["blocker"] = "blocker"
    body: Blocker


class SessionEndEvent(EventBase):
    """`worker.completion.<worker>`: the worker leaves once its attempts have ended and its spool is empty."""

    kind: Literal["session_end"] = "session_end"
    body: SessionEnd


class LearningEvent(EventBase):
    """`manager.question.<worker>`, from `share_learning`: the event's id is the learning's."""

    kind: Literal["learning"] = "learning"
    body: ShareLearning


class CollaborationResponseEvent(EventBase):
    """`manager.question.<worker>`, from `respond_to_collaboration`; `question_id` is the request's."""

    kind: Literal["collaboration_response"] = "collaboration_response"
    body: RespondToCollaboration


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
    | CollaborationRequestEvent
    | ToolCallEvent
    | TokenUsageEvent
    | PlanStepEvent
    | CoverageEvent
    | BenchmarkEvent
    | SecurityScanEvent
    | DependencyAnalysisEvent
    | CodeChangeEvent
    | ArtifactEvent
    | CheckpointEvent
    | ApiQuotaEvent
    | GrantEvent
    | RecoveryEvent
    | BlockerEvent
    | SessionEndEvent
    | LearningEvent
    | CollaborationResponseEvent,
    Field(discriminator="kind"),
]
"""Any event of a worker, told apart by `kind`."""
