"""How an attempt ended: the agent's claim, what was seen, what the verification says."""

from typing import Any

import pytest

from contracts.events.recovery import CommandResult, Completion, CompletionStatus, CompletionSummary, Verified
from contracts.sandbox import EndReason, Process, ProcessLimits, ProcessState, ProcessUsage
from tests.support.examples import NOW
from tests.unit.worker_agent.test_admission import known
from worker_agent.decisions.outcome import after_verification, before_verification, exit_failure, outcome
from worker_agent.domain import AttemptRecord, Cancellation


def process(**changes: Any) -> Process:
    values: dict[str, Any] = {
        "process_id": "p",
        "workspace": "w",
        "name": "",
        "argv": ("x",),
        "state": ProcessState.ENDED,
        "reason": EndReason.EXITED,
        "exit_code": 0,
        "signal": None,
        "started_at": NOW,
        "ended_at": NOW,
        "duration_ms": 1,
        "limits": ProcessLimits(),
        "usage": ProcessUsage(cpu_ms=0, memory_mb=0, memory_peak_mb=0, processes=0, output_bytes=0),
        "stdout_bytes": 0,
        "stderr_bytes": 0,
        "output_truncated": False,
    }
    return Process.model_validate(values | changes)


def record(**changes: Any) -> AttemptRecord:
    return known(1).model_copy(update={"process": process()} | changes)


def claim(status: CompletionStatus, overview: str | None = None) -> Completion:
    return Completion(status=status, summary=CompletionSummary(overview=overview))


def test_an_agent_that_did_its_work_is_to_be_verified() -> None:
    assert before_verification(record(), None) is None
    assert before_verification(record(claim=claim(CompletionStatus.partial)), None) is None


@pytest.mark.parametrize(
    ("changes", "agent_failure", "status", "reason", "retryable"),
    [
        ({"cancelled": Cancellation(reason="stop")}, None, "cancelled", "stop", False),
        ({"cancelled": Cancellation(reason="newer", by_manager=False)}, None, "failed", "newer", True),
        ({"process": process(reason=EndReason.TIMED_OUT)}, "killed", "timed_out", "ran longer", True),
        ({"timed_out": True, "failure": "no sign of life"}, None, "timed_out", "no sign of life", True),
        ({"failure": "no such agent", "retryable": False, "process": None}, None, "failed", "no such agent", False),
        ({"process": None}, None, "failed", "process is gone", True),
        ({"process": process(reason=EndReason.MEMORY)}, "killed", "failed", "more memory", True),
        ({"process": process(reason=EndReason.OUTPUT_LIMIT)}, "killed", "failed", "more output", True),
        ({}, "the agent exited with 2", "failed", "exited with 2", True),
        ({"claim": claim(CompletionStatus.failed, "could not")}, None, "failed", "could not", True),
        ({"claim": claim(CompletionStatus.failed)}, None, "failed", "says that it failed", True),
    ],
)
def test_what_stands_whatever_a_verification_would_say(
    changes: dict[str, Any], agent_failure: str | None, status: str, reason: str, retryable: bool
) -> None:
    ending = before_verification(record(**changes), agent_failure)
    assert ending is not None
    assert (ending.status, ending.retryable) == (status, retryable)
    assert reason in (ending.reason or "")


def test_an_agent_that_was_ended_after_it_had_finished_did_its_work() -> None:
    ended = record(lingered=True, process=process(reason=EndReason.CANCELLED), claim=claim(CompletionStatus.completed))
    assert before_verification(ended, "the agent was ended by signal 15") is None
    failed = ended.model_copy(update={"claim": claim(CompletionStatus.failed)})
    assert before_verification(failed, None) is not None


def test_a_claim_of_success_does_not_make_a_failure_good() -> None:
    ending = before_verification(record(claim=claim(CompletionStatus.completed)), "the agent exited with 1")
    assert ending is not None
    assert ending.status == "failed"


@pytest.mark.parametrize(
    ("exit_codes", "passed", "status", "reason"),
    [
        ([], True, "completed", None),
        ([0, 0], True, "completed", None),
        ([0, 3], False, "failed", "verification failed: `c1` exited with 3"),
        ([None], False, "failed", "verification failed: `c0` was ended"),
    ],
)
def test_a_verification_decides_about_the_rest(
    exit_codes: list[int | None], passed: bool, status: str, reason: str | None
) -> None:
    commands = [CommandResult(command=f"c{n}", exit_code=code, duration_ms=1) for n, code in enumerate(exit_codes)]
    ending = after_verification(Verified(passed=passed, commands=commands))
    assert (ending.status, ending.reason) == (status, reason)
    assert after_verification(None).status == "completed"


def test_the_exit_code_is_the_rule_of_most_agents() -> None:
    assert exit_failure(process()) is None
    assert exit_failure(process(exit_code=2)) == "the agent exited with 2"
    assert exit_failure(process(exit_code=None, signal=9)) == "the agent was ended by signal 9"
    assert "how was not seen" in (exit_failure(process(exit_code=None)) or "")
    assert exit_failure(None) is not None


def test_the_outcome_carries_claim_observation_and_verification() -> None:
    verified = Verified(passed=True, commands=[])
    made = record(claim=claim(CompletionStatus.completed), started_at=NOW)
    body = outcome(made, after_verification(verified), None, verified, [], NOW)
    assert (body.claimed, body.verified, body.started_at, body.ended_at) == (made.claim, verified, NOW, NOW)


@pytest.mark.parametrize(
    ("crashes", "end", "told"),
    [
        (0, EndReason.EXITED, 0),
        (2, EndReason.EXITED, 2),
        (0, EndReason.LOST, 1),
        # The pod went down with both of them: that is one crash.
        (1, EndReason.LOST, 1),
        (5_000, EndReason.EXITED, 1_000),
    ],
)
def test_the_outcome_tells_how_often_its_worker_died(crashes: int, end: EndReason, told: int) -> None:
    ended = record(crashes=crashes, process=process(reason=end))
    assert outcome(ended, after_verification(None), None, None, [], NOW).crashes == told
