"""Bodies of errors, recoveries, blockers and completions, and of the outcome that closes an attempt."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import (
    Amount,
    Count,
    EventId,
    ExitCode,
    FilePath,
    FilePaths,
    JsonObject,
    Level,
    Megabytes,
    Milliseconds,
    Model,
    Name,
    OptionalText,
    Percent,
    Text,
    Texts,
    UtcTime,
)
from contracts.events.deliverables import StoredObject
from contracts.events.quality import TestCounts
from contracts.events.reporting import Report


class Severity(StrEnum):
    """How bad an error is, worst first."""

    critical = "critical"
    error = "error"
    warning = "warning"
    info = "info"


class ErrorReport(Report):
    """Input of `report_error`: something went wrong."""

    error_type: Name
    """Type of error, such as `ImportError`, `test_failure`, `timeout`."""
    message: Text
    severity: Severity = Severity.error
    stack_trace: OptionalText | None = None
    recovery_attempted: bool = False
    """Was a recovery tried?"""
    recovery_successful: bool | None = None
    """Did it work?"""
    recovery_strategy: OptionalText | None = None
    """What was tried."""
    file_path: FilePath | None = None
    line: Count | None = None
    context: JsonObject = {}


class Recovery(Report):
    """Input of `report_recovery`: what was tried after an error, and whether it worked."""

    error_type: Name
    """Type of the error, as in `report_error`."""
    strategy: Text
    """What was tried."""
    successful: bool
    error_event_id: EventId | None = None
    """event_id that report_error gave, if there was one."""
    tries: Count | None = None
    """How many tries it took."""
    duration_ms: Milliseconds | None = None
    detail: OptionalText | None = None


class Blocker(Report):
    """Input of `report_blocker`: the work cannot go on, or not as planned."""

    blocker_type: Name
    """missing_access, missing_information, broken_environment, dependency, conflict, or your own word."""
    description: Text
    severity: Level = Level.high
    needs: OptionalText | None = None
    """What would remove it, and who could do that."""
    blocked_steps: Annotated[list[Name], Field(max_length=200)] = []
    """Ids of the plan's steps that wait for it."""
    workaround: OptionalText | None = None
    """What is done meanwhile."""
    resolved: bool = False
    """True: a blocker reported before is gone."""


class CompletionStatus(StrEnum):
    """How the agent says it ended."""

    completed = "completed"
    partial = "partial"
    failed = "failed"


class CompletionSummary(Model):
    """What was done, in the agent's own account."""

    overview: OptionalText | None = None
    """The outcome in a few sentences."""
    objectives_met: Texts = []
    objectives_missed: Texts = []
    deliverables: Texts = []
    metrics: JsonObject = {}
    """Execution figures."""
    files_created: FilePaths = []
    files_modified: FilePaths = []
    files_deleted: FilePaths = []
    tests: TestCounts | None = None
    quality: JsonObject = {}
    """Quality scores."""
    learnings: Texts = []
    recommendations: Texts = []


class Completion(Report):
    """Input of `report_completion`: the agent says that it has finished."""

    status: CompletionStatus
    summary: CompletionSummary = CompletionSummary()
    """Objectives met and missed, deliverables, figures, learnings, recommendations."""


class OutcomeStatus(StrEnum):
    """How an attempt really ended."""

    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"
    timed_out = "timed_out"
    refused = "refused"


class CommandResult(Model):
    """A command that the platform ran itself."""

    command: Text
    exit_code: ExitCode | None = None
    """None: it was ended before it could exit."""
    duration_ms: Milliseconds
    output_tail: OptionalText = ""


class ObservedCommand(Model):
    """A command that the agent ran, as the agent's own output shows it."""

    command: OptionalText
    exit_code: ExitCode | None = None
    duration_ms: Milliseconds | None = None


class ObservedTests(Model):
    """A JUnit file that was written into the workspace during the attempt."""

    path: FilePath
    counts: TestCounts


class ObservedCoverage(Model):
    """A coverage report that was written into the workspace during the attempt."""

    path: FilePath
    line_percent: Percent
    branch_percent: Percent | None = None


class Observed(Model):
    """What the worker-agent saw of a run, whatever the agent said."""

    exit_code: ExitCode | None = None
    signal: int | None = None
    agent: Name
    agent_version: Name | None = None
    model: Name | None = None
    wall_ms: Milliseconds = 0
    cpu_ms: Milliseconds = 0
    memory_peak_mb: Megabytes = 0.0
    output_bytes: Count = 0
    base_commit: Name | None = None
    result_commit: Name | None = None
    diff_stat: OptionalText | None = None
    files_changed: Annotated[list[FilePath], Field(max_length=10_000)] = []
    tokens_input: Count = 0
    tokens_output: Count = 0
    cost_usd: Amount = 0.0
    tokens_cached: Count = 0
    """Part of the input that was read from a cache."""
    test_commands: Annotated[list[ObservedCommand], Field(max_length=50)] = []
    """Test runs of the agent, the last ones."""
    tests: Annotated[list[ObservedTests], Field(max_length=50)] = []
    coverage: Annotated[list[ObservedCoverage], Field(max_length=20)] = []
    commits: Annotated[list[Name], Field(max_length=1_000)] = []
    """Commits between base and result, newest first."""
    lines_added: Count | None = None
    lines_removed: Count | None = None
    branch: Name | None = None
    """Branch that carries the result."""
    pushed: bool | None = None
    """Whether the branch is at the remote with the result; None: there was nothing to push, or nowhere to."""
    push_error: OptionalText | None = None
    bundle: StoredObject | None = None
    """A git bundle with what was not pushed; without git, an archive of the changed files."""


class Verified(Model):
    """The task's `verify` commands, run by the platform itself on a clean checkout once the agent had ended."""

    passed: bool
    commands: list[CommandResult]
    commit: Name | None = None
    tests: Annotated[list[ObservedTests], Field(max_length=50)] = []
    """JUnit files that the commands wrote."""
    coverage: Annotated[list[ObservedCoverage], Field(max_length=20)] = []
    """Coverage reports that the commands wrote."""


class Outcome(Model):
    """The end of an attempt, said by the worker-agent once the agent is gone: claim, observation, verification."""

    status: OutcomeStatus
    reason: OptionalText | None = None
    """Why it did not complete."""
    retryable: bool = True
    """Whether another attempt could end differently."""
    started_at: UtcTime
    ended_at: UtcTime
    claimed: Completion | None = None
    observed: Observed | None = None
    verified: Verified | None = None
    discrepancies: Annotated[list[Text], Field(max_length=20)] = []
    """Where the claim and what was seen do not agree, a sentence each."""
    crashes: Annotated[int, Field(ge=0, le=1_000)] = 0
    """How often the worker-agent or its sandbox died while they had the attempt."""


class SessionEnd(Report):
    """Input of `end_session`: this worker is to leave."""

    reason: OptionalText | None = None
