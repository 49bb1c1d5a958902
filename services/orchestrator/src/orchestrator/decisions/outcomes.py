"""How an attempt ended, and what becomes of its task."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from json import dumps

from contracts.events.recovery import Outcome, OutcomeStatus, Verified
from contracts.tasks import AttemptState, FailureClass, TaskState
from orchestrator.decisions.retries import RetryPolicy, backoff, queue_until
from orchestrator.domain import Closed, Fate

_MAX_INTEGER = 2**31 - 1
_NO_FAILURE = frozenset({AttemptState.completed, AttemptState.cancelled, AttemptState.refused})


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of one attempt. `burns`: it counts against `max_attempts`; `at_once`: the next one need not wait."""

    state: AttemptState
    reason: str | None
    retryable: bool
    burns: bool = True
    at_once: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None
    execution_time_ms: int | None = None
    analytics: bytes | None = None
    """JSON, for `tasks.analytics`."""
    crashes: int = 0
    """How often the worker or its sandbox died while they had the attempt."""

    @property
    def failure_class(self) -> FailureClass | None:
        """Whether another attempt could end differently; None where none has failed."""
        if self.state in _NO_FAILURE or not self.burns:
            return None
        return FailureClass.retryable if self.retryable else FailureClass.permanent


def ending_of(outcome: Outcome) -> Ending:
    """Read the worker's word: `completed` with a failed verification is a failure."""
    status, reason = outcome.status, outcome.reason
    if status is OutcomeStatus.completed and outcome.verified and not outcome.verified.passed:
        status, reason = OutcomeStatus.failed, verification_failure(outcome.verified)
    return Ending(
        state=AttemptState(status.value),
        reason=reason,
        retryable=outcome.retryable and status is not OutcomeStatus.cancelled,
        burns=status is not OutcomeStatus.refused,
        started_at=outcome.started_at,
        ended_at=outcome.ended_at,
        execution_time_ms=_duration_ms(outcome.started_at, outcome.ended_at),
        analytics=summary_of(outcome),
        crashes=outcome.crashes,
    )


def verification_failure(verified: Verified) -> str:
    """Which `verify` command failed, in words."""
    failed = next((command for command in verified.commands if command.exit_code != 0), None)
    if failed is None:
        return "verification failed"
    how = "did not end in time" if failed.exit_code is None else f"exited with {failed.exit_code}"
    return f"verification failed: `{failed.command[:200]}` {how}"


def summary_of(outcome: Outcome) -> bytes:
    """JSON for `tasks.analytics`: what was claimed, observed and verified, each beside the others."""
    parts = (("claimed", outcome.claimed), ("observed", outcome.observed), ("verified", outcome.verified))
    written = [b'"%b":%b' % (name.encode(), part.to_json()) for name, part in parts if part]
    if outcome.discrepancies:
        written.append(b'"discrepancies":' + dumps(outcome.discrepancies).encode())
    return b"{" + b",".join(written) + b"}"


def fate_of(closed: Closed, ending: Ending, policy: RetryPolicy, *, now: datetime, jitter: float) -> Fate:
    """Completed, given up, or queued again while attempts are left. A refusal is free until there were too many.

    A task that workers do not survive is quarantined, whatever attempts are left.
    """
    refused = not ending.burns
    over = refused and closed.refusals >= policy.max_refusals
    burned = closed.burned + (1 if ending.burns or over else 0)
    refusals = closed.refusals + (1 if refused else 0)
    if _is_poison(closed, ending, policy):
        return _quarantined(closed, ending, burned, refusals, now)
    if ending.state is AttemptState.completed or not ending.retryable or burned >= closed.max_attempts:
        return _ended(closed, ending, burned, refusals, now)
    pause = timedelta(0) if ending.at_once else backoff(policy, max(1, refusals if refused else burned), jitter)
    return _again(closed, ending, burned, refusals, policy, now + pause)


def _is_poison(closed: Closed, ending: Ending, policy: RetryPolicy) -> bool:
    if ending.failure_class is None or not ending.crashes or not policy.quarantine_after:
        return False
    return closed.crashes + ending.crashes >= policy.quarantine_after


def _quarantined(closed: Closed, ending: Ending, burned: int, refusals: int, now: datetime) -> Fate:
    ended, times = _ended(closed, ending, burned, refusals, now), closed.crashes + ending.crashes
    died = "a worker died" if times == 1 else f"workers died {times} times"
    reason = f"quarantined: {died} while they had it, the last was {closed.worker_id}: {_said(ending)}"
    return replace(ended, status=TaskState.failed, reason=reason, failure_class=FailureClass.poison)


def _ended(closed: Closed, ending: Ending, burned: int, refusals: int, now: datetime) -> Fate:
    started = closed.started_at or ending.started_at
    lasted = ending.execution_time_ms
    return Fate(
        ref=closed.ref,
        status=_final_state(ending.state),
        reason=ending.reason,
        burned=burned,
        refusals=refusals,
        started_at=started,
        execution_time_ms=lasted if lasted is not None else _duration_ms(started, ending.ended_at or now),
        analytics=ending.analytics,
        failure_class=ending.failure_class,
        crashes=closed.crashes + ending.crashes,
    )


def _again(
    closed: Closed, ending: Ending, burned: int, refusals: int, policy: RetryPolicy, next_attempt_at: datetime
) -> Fate:
    return Fate(
        ref=closed.ref,
        status=TaskState.queued,
        reason=f"attempt {closed.ref.attempt} on {closed.worker_id} {_said(ending)}",
        burned=burned,
        refusals=refusals,
        next_attempt_at=next_attempt_at,
        avoid_worker=closed.worker_id,
        analytics=ending.analytics,
        crashes=closed.crashes + ending.crashes,
        queue_until=queue_until(policy, closed.queue_ms, next_attempt_at),
    )


def _said(ending: Ending) -> str:
    word = "timed out" if ending.state is AttemptState.timed_out else f"was {ending.state.value}"
    word = "failed" if ending.state is AttemptState.failed else word
    return f"{word}: {ending.reason}" if ending.reason else word


def _final_state(state: AttemptState) -> TaskState:
    known = {AttemptState.completed, AttemptState.cancelled, AttemptState.timed_out}
    return TaskState(state.value) if state in known else TaskState.failed


def _duration_ms(start: datetime | None, end: datetime) -> int | None:
    if start is None:
        return None
    return min(_MAX_INTEGER, max(0, round((end - start).total_seconds() * 1000)))
