"""How an attempt ended: the claim of the agent, what was seen of it, and what the verification says, in one verdict."""

from dataclasses import dataclass
from datetime import datetime

from contracts.events.recovery import Completion, CompletionStatus, Observed, Outcome, OutcomeStatus, Verified
from contracts.sandbox import EndReason, Process
from worker_agent.domain import AttemptRecord

MOST_CRASHES = 1_000
REASONS = {
    EndReason.CPU_LIMIT: "the agent used more CPU time than it may",
    EndReason.OUTPUT_LIMIT: "the agent wrote more output than it may",
    EndReason.MEMORY: "the agent used more memory than it may",
    EndReason.PROCESS_LIMIT: "the agent started more processes than it may",
    EndReason.DISK_LIMIT: "the agent's workspace took more disk than it may",
    EndReason.CANCELLED: "the agent was ended from outside",
    EndReason.LOST: "the agent was lost: the sandbox was started anew, and all its processes with it",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """The verdict: status, why, and whether another attempt could end differently."""

    status: OutcomeStatus
    reason: str | None = None
    retryable: bool = True


def before_verification(record: AttemptRecord, agent_failure: str | None) -> Ending | None:
    """The verdict that stands whatever a verification would say; None: the agent did its work."""
    process, claim = record.process, record.claim
    if record.cancelled is not None:
        # A task that nobody cancelled may run again, after an end that the worker-agent itself has brought about.
        status = OutcomeStatus.cancelled if record.cancelled.by_manager else OutcomeStatus.failed
        return Ending(status, record.cancelled.reason, not record.cancelled.by_manager)
    if record.timed_out or (process is not None and process.reason is EndReason.TIMED_OUT):
        return Ending(OutcomeStatus.timed_out, record.failure or "the agent ran longer than it may")
    if record.failure is not None:
        return Ending(OutcomeStatus.failed, record.failure, record.retryable)
    if process is None:
        return Ending(OutcomeStatus.failed, "the agent's process is gone")
    return _of_the_run(record, process, agent_failure) or _of_the_claim(claim)


def after_verification(verified: Verified | None) -> Ending:
    """The verdict on an agent that did its work."""
    if verified is None or verified.passed:
        return Ending(OutcomeStatus.completed)
    failed = next((one for one in verified.commands if one.exit_code != 0), None)
    command = failed.command if failed is not None else "verify"
    how = "was ended" if failed is None or failed.exit_code is None else f"exited with {failed.exit_code}"
    return Ending(OutcomeStatus.failed, f"verification failed: `{command[:200]}` {how}")


def exit_failure(process: Process | None) -> str | None:
    """The rule of most agents: exit code 0 is success. None means that it succeeded."""
    if process is None:
        return "the agent's process is gone"
    if process.signal is not None:
        return f"the agent was ended by signal {process.signal}"
    if process.exit_code is None:
        return "the agent was ended, and how was not seen: what supervised it was killed as well"
    return None if process.exit_code == 0 else f"the agent exited with {process.exit_code}"


def outcome(
    record: AttemptRecord,
    ending: Ending,
    observed: Observed | None,
    verified: Verified | None,
    discrepancies: list[str],
    now: datetime,
) -> Outcome:
    """The body of the event that closes the attempt."""
    return Outcome(
        status=ending.status,
        reason=ending.reason,
        retryable=ending.retryable,
        started_at=record.started_at or record.accepted_at,
        ended_at=now,
        claimed=record.claim,
        observed=observed,
        verified=verified,
        discrepancies=discrepancies,
        crashes=_crashes(record),
    )


def _crashes(record: AttemptRecord) -> int:
    """A sandbox that dies together with the worker-agent is one crash."""
    lost = record.process is not None and record.process.reason is EndReason.LOST
    return min(MOST_CRASHES, max(record.crashes, 1) if lost else record.crashes)


def _of_the_run(record: AttemptRecord, process: Process, agent_failure: str | None) -> Ending | None:
    if record.lingered:
        # It was ended by the worker-agent after it had said that it was done: only its own result says something.
        failed = record.agent_end.by_result and agent_failure is not None
        return Ending(OutcomeStatus.failed, agent_failure) if failed else None
    if process.reason is not None and process.reason in REASONS:
        return Ending(OutcomeStatus.failed, REASONS[process.reason])
    if agent_failure is not None:
        return Ending(OutcomeStatus.failed, agent_failure)
    return None


def _of_the_claim(claim: Completion | None) -> Ending | None:
    if claim is not None and claim.status is CompletionStatus.failed:
        return Ending(OutcomeStatus.failed, claim.summary.overview or "the agent says that it failed")
    return None
