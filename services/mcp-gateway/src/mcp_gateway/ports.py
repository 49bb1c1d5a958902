"""What the handlers need from outside: the other services, the caller's progress channel, a clock."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from contracts.access import ApiKey
from contracts.analytics import AnalyticsReport, DecisionAnalysis, ErrorAnalysis
from contracts.base import Page
from contracts.batches import Batch
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
from contracts.decided import DecidedEvent
from contracts.questions import NewAnswer, QuestionView, RequestDecision
from contracts.rules import DryRun, DryRunRequest, NewRule, Rule, RuleChange, RuleState
from contracts.tasks import CancelTask, NewTask, TaskView
from contracts.telemetry import Tail, TailEntry, TaskFacts
from contracts.workers import FleetView, WorkerStatus, WorkerView
from mcp_gateway.decisions.limiting import Rate
from mcp_gateway.domain.asking import Dialogue
from mcp_gateway.domain.audit import AuditPart, AuditQuery, Entry, Head, Link
from mcp_gateway.domain.credentials import StoredKey, TokenHeader
from mcp_gateway.domain.inputs import (
    AnalyzeDecisions,
    ErrorAnalysisInput,
    GetAnalytics,
    ListQuestions,
    ListTasks,
    PerformanceReport,
    QualityDashboard,
)
from mcp_gateway.domain.needs import Effect
from mcp_gateway.domain.principals import Principal
from servicekit.bus import Received

ReportProgress = Callable[[float, float | None, str], Awaitable[None]]
"""Tells the caller `progress`, `total` and a message; does nothing for one who did not ask."""


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


class Listeners(Protocol):
    """Clients that want to be told when a resource changes."""

    def changed(self, uris: Iterable[str]) -> None:
        """These may read otherwise now."""
        ...

    def all_may_have_changed(self) -> None:
        """News may have been missed."""
        ...


class Admission(Protocol):
    """Lets callers in."""

    async def admit(self, authorization: str | None, address: str) -> Principal:
        """Who shows this Authorization header, from this client address.

        Raises Unauthorized, Forbidden for one without any role, TooManyRequests, Unavailable.
        """
        ...

    def has_ended(self, principal: Principal) -> bool:
        """Whether a caller that was let in would not be any more: what it left open is closed then."""
        ...


class Limits(Protocol):
    """How much a caller may do."""

    async def take(self, principal: Principal, effect: Effect) -> None:
        """Count one request. Raises TooManyRequests."""
        ...


class SharedBuckets(Protocol):
    """Buckets that all replicas share."""

    async def take(self, key: str, rate: Rate, wanted: int) -> tuple[int, float]:
        """Take at most so many: how many there were, and where none, how long to wait in s. Raises SharedStateAway."""
        ...


class Unwritable(Exception):
    """An entry holds something that the database does not take."""


class AuditWriter(Protocol):
    """Appends to the audit log."""

    async def append(self, entries: Sequence[Entry]) -> Head:
        """Append all or none; returns the new head. Given the same again after an error, it appends them once.

        Raises Unwritable where one of them is to blame.
        """
        ...


class AuditDecisions(Protocol):
    """Appends what the services decided."""

    async def take(
        self,
        consumer: str,
        received: Sequence[Received[Batch[DecidedEvent]]],
        entries_of: Callable[[Sequence[DecidedEvent]], list[Entry]],
    ) -> int:
        """Append what those of the batches say that this consumer has not applied yet; returns how many entries."""
        ...


class AuditKeeper(Protocol):
    """Makes and drops the months of the audit log."""

    async def prepare(self) -> None:
        """Make the partitions of this month and the next."""
        ...

    async def drop_month(self, before: datetime) -> date | None:
        """Drop the oldest month if all of it is older than that, and return it; an entry says where it ended."""
        ...


class AuditReader(Protocol):
    """Reads the audit log."""

    async def page(self, query: AuditQuery, before: int | None, limit: int) -> list[Link]:
        """At most `limit` entries, newest first, below the given number."""
        ...

    async def entry(self, seq: int) -> Link | None:
        """One entry."""
        ...

    async def head(self) -> Head:
        """The end of the chain."""
        ...

    async def part(self, after: int, limit: int) -> AuditPart:
        """At most `limit` entries behind the given number, in order, with what is needed to judge them."""
        ...


class Keys(Protocol):
    """API keys. Every method raises Unavailable while the database is away."""

    async def page(self, after: tuple[datetime, str] | None, limit: int) -> list[ApiKey]:
        """At most `limit` keys, newest first, beyond the given (created_at, key_id)."""
        ...

    async def add(self, key: StoredKey) -> None:
        """Keep a new key."""
        ...

    async def revoke(self, key_id: str, revoked_by: str, now: datetime) -> ApiKey | None:
        """End a key, if that was not done before; None where there is no such key."""
        ...

    async def load(self, key_ids: Sequence[str]) -> list[StoredKey]:
        """Those of the keys that there are."""
        ...

    async def note_used(self, used_at: Mapping[str, datetime]) -> None:
        """Keep when keys were last used."""
        ...


class SigningKeys(Protocol):
    """The public keys of authorization servers."""

    async def find(self, header: TokenHeader) -> Mapping[str, Any] | None:
        """The key (JWK) that checks such a token, None where its issuer has none. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Upstreams:
    """The services behind the gateway."""

    orchestrator: Orchestrator
    telemetry: Telemetry
    analytics: Analytics
    questions: Questions


@dataclass(frozen=True, slots=True)
class WaitLimits:
    """How `wait` follows a task."""

    longest_ms: int
    """When it answers with what there is, though the task has not ended."""
    poll_ms: int
    """How often it asks for the task's state."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool: who calls, and what the handler may use."""

    principal: Principal
    upstreams: Upstreams
    report_progress: ReportProgress
    wait: WaitLimits
    monotonic: Callable[[], float]
    """Seconds that never go back."""
    stopping: Callable[[], bool]
    """Whether the gateway was told to stop: long calls end on it."""
    now: Callable[[], datetime]
    dialogue: Dialogue | None = None
    """None: nobody can be asked at this client."""

    @property
    def actor(self) -> str:
        """What the services learn of the caller."""
        return self.principal.name
