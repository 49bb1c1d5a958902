"""The services behind the gateway."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.analytics import AnalyticsReport, DecisionAnalysis, ErrorAnalysis
from contracts.base import Page
from contracts.commands import Command, NewCommand
from contracts.deadletters import (
    DeadLetter,
    DeadLetterCause,
    DeadLetterContent,
    DeadLetterState,
    DropDeadLetters,
    RetryDeadLetters,
    SettledDeadLetters,
)
from contracts.questions import NewAnswer, QuestionView, RequestDecision
from contracts.rules import DryRun, DryRunRequest, NewRule, Rule, RuleChange, RuleState
from contracts.tasks import CancelTask, NewTask, TaskView
from contracts.telemetry import Tail, TailEntry, TaskFacts
from contracts.workers import FleetView, WorkerStatus, WorkerView
from mcp_gateway.domain.inputs import (
    AnalyzeDecisions,
    ErrorAnalysisInput,
    GetAnalytics,
    ListQuestions,
    ListTasks,
    PerformanceReport,
    QualityDashboard,
)


@dataclass(frozen=True, slots=True)
class LiveEntry:
    """An entry of the live tail, and the id to go on after."""

    entry_id: str | None
    entry: TailEntry


class Orchestrator(Protocol):
    """Tasks and workers. Every method raises Unavailable, Refused, and NotFound where an id is given."""

    async def create(self, task: NewTask) -> TaskView: ...  # noqa: D102
    async def tasks(self, query: ListTasks) -> Page[TaskView]: ...  # noqa: D102
    async def task(self, task_id: str) -> TaskView: ...  # noqa: D102
    async def cancel(self, task_id: str, request: CancelTask) -> TaskView: ...  # noqa: D102
    async def retry(self, task_id: str) -> TaskView: ...  # noqa: D102
    async def workers(self, status: WorkerStatus | None, cursor: str | None, limit: int) -> Page[WorkerView]: ...  # noqa: D102
    async def worker(self, worker_id: str) -> WorkerView: ...  # noqa: D102
    async def command(self, worker_id: str, command: NewCommand) -> Command: ...  # noqa: D102
    async def fleet(self) -> FleetView: ...  # noqa: D102


class Telemetry(Protocol):
    """The live tail of a task; empty for one that nobody has reported on."""

    async def tail(self, task_id: str, last_n: int, types: Sequence[str]) -> Tail: ...  # noqa: D102

    def live(self, task_id: str, types: Sequence[str], after: str | None) -> AsyncGenerator[LiveEntry]:
        """Entries as they come, after the one with that id (None: from now on), until the connection ends."""
        ...


class Analytics(Protocol):
    """What is known from the workers' reports. Every method raises Unavailable and Refused."""

    async def facts(self, task_id: str) -> TaskFacts: ...  # noqa: D102
    async def analytics(self, query: GetAnalytics) -> AnalyticsReport: ...  # noqa: D102
    async def performance(self, query: PerformanceReport) -> AnalyticsReport: ...  # noqa: D102
    async def quality(self, query: QualityDashboard) -> AnalyticsReport: ...  # noqa: D102
    async def decisions(self, query: AnalyzeDecisions) -> DecisionAnalysis: ...  # noqa: D102
    async def errors(self, query: ErrorAnalysisInput) -> ErrorAnalysis: ...  # noqa: D102


class Questions(Protocol):
    """What workers have asked, and the rules that answer some of it."""

    async def question(self, question_id: str) -> QuestionView: ...  # noqa: D102
    async def questions(self, query: ListQuestions) -> Page[QuestionView]: ...  # noqa: D102
    async def answer(self, question_id: str, answer: NewAnswer) -> QuestionView: ...  # noqa: D102
    async def decide(self, question_id: str, decision: RequestDecision) -> QuestionView: ...  # noqa: D102
    async def rules(self, state: RuleState | None, cursor: str | None, limit: int) -> Page[Rule]: ...  # noqa: D102
    async def rule(self, rule_id: str) -> Rule: ...  # noqa: D102
    async def create_rule(self, rule: NewRule) -> Rule: ...  # noqa: D102
    async def change_rule(self, rule_id: str, change: RuleChange) -> Rule: ...  # noqa: D102
    async def delete_rule(self, rule_id: str) -> None: ...  # noqa: D102
    async def activate_rule(self, rule_id: str) -> Rule: ...  # noqa: D102
    async def disable_rule(self, rule_id: str) -> Rule: ...  # noqa: D102
    async def dry_run_rule(self, rule_id: str, wanted: DryRunRequest) -> DryRun: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class DeadLetterQuery:
    """Which dead letters are wanted, and how many at most; None: any."""

    state: DeadLetterState | None
    stream: str | None
    subject: str | None
    cause: DeadLetterCause | None
    limit: int


class DeadLetters(Protocol):
    """What one service has put aside. Every method raises Unavailable and Refused."""

    async def page(self, query: DeadLetterQuery, cursor: str | None) -> Page[DeadLetter]: ...  # noqa: D102
    async def content(self, letter_id: str) -> DeadLetterContent: ...  # noqa: D102
    async def retry(self, wanted: RetryDeadLetters) -> SettledDeadLetters: ...  # noqa: D102
    async def drop(self, wanted: DropDeadLetters) -> SettledDeadLetters: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Upstreams:
    """The services behind the gateway."""

    orchestrator: Orchestrator
    telemetry: Telemetry
    analytics: Analytics
    questions: Questions
