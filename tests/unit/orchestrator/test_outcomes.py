"""How an attempt ends, and what becomes of its task."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events.recovery import Outcome
from contracts.tasks import AttemptState, FailureClass, TaskState
from orchestrator.decisions.outcomes import Ending, ending_of, fate_of
from orchestrator.decisions.retries import RetryPolicy, backoff, queue_until
from orchestrator.domain import AttemptRef, Closed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = RetryPolicy(base_ms=1_000, cap_ms=60_000, max_refusals=2)
FAILED = Ending(AttemptState.failed, "broken", retryable=True)


def closed(**more: Any) -> Closed:
    plain: dict[str, Any] = {"burned": 0, "max_attempts": 3, "refusals": 0, "work_key": "k", "started_at": None}
    return Closed(AttemptRef("t", 1), "w1", **(plain | more))


def outcome(status: str, **more: Any) -> Outcome:
    return Outcome.model_validate({"status": status, "started_at": NOW, "ended_at": NOW + timedelta(seconds=2)} | more)


def verified(*exit_codes: int | None) -> dict[str, Any]:
    commands = [{"command": f"check {n}", "exit_code": code, "duration_ms": 1} for n, code in enumerate(exit_codes)]
    return {"passed": all(code == 0 for code in exit_codes), "commands": commands}


def test_a_completed_outcome_ends_the_task() -> None:
    ending = ending_of(outcome("completed", observed={"agent": "a"}))
    fate = fate_of(closed(), ending, POLICY, now=NOW, jitter=0)
    assert (fate.status, fate.burned, fate.execution_time_ms) == (TaskState.completed, 1, 2_000)
    assert orjson.loads(fate.analytics or b"")["observed"]["agent"] == "a"


def test_what_does_not_agree_is_kept_with_the_task() -> None:
    sentences = ["It says “all passed”.", "It says more."]
    ending = ending_of(outcome("completed", discrepancies=sentences))
    fate = fate_of(closed(), ending, POLICY, now=NOW, jitter=0)
    assert orjson.loads(fate.analytics or b"") == {"discrepancies": sentences}


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        ((0, 2, 1), "verification failed: `check 1` exited with 2"),
        ((None,), "verification failed: `check 0` did not end in time"),
    ],
)
def test_a_refuted_claim_is_a_failure_that_names_the_command(codes: tuple[int | None, ...], reason: str) -> None:
    ending = ending_of(outcome("completed", verified=verified(*codes)))
    assert (ending.state, ending.reason) == (AttemptState.failed, reason)


def test_a_verification_that_passed_leaves_the_outcome_as_it_is() -> None:
    assert ending_of(outcome("completed", verified=verified(0, 0))).state is AttemptState.completed
    assert ending_of(outcome("failed", verified=verified(0), reason="r")).state is AttemptState.failed


def test_what_the_worker_cancelled_is_not_tried_again() -> None:
    fate = fate_of(closed(), ending_of(outcome("cancelled")), POLICY, now=NOW, jitter=0)
    assert fate.status is TaskState.cancelled


@pytest.mark.parametrize(
    ("state", "final"),
    [
        (AttemptState.failed, TaskState.failed),
        (AttemptState.timed_out, TaskState.timed_out),
        (AttemptState.lost, TaskState.failed),
    ],
)
def test_the_last_attempt_decides_how_the_task_ends(state: AttemptState, final: TaskState) -> None:
    ending = Ending(state, "r", retryable=True)
    assert fate_of(closed(burned=1), ending, POLICY, now=NOW, jitter=0).status is TaskState.queued
    assert fate_of(closed(burned=2), ending, POLICY, now=NOW, jitter=0).status is final


def test_a_task_that_is_tried_again_says_why_and_when_and_where_not() -> None:
    fate = fate_of(closed(), FAILED, POLICY, now=NOW, jitter=0)
    assert fate.reason == "attempt 1 on w1 failed: broken"
    assert fate.next_attempt_at == NOW + timedelta(milliseconds=500)
    assert fate.avoid_worker == "w1"
    assert fate.execution_time_ms is None


def test_a_refusal_is_free_until_there_were_too_many() -> None:
    refused = Ending(AttemptState.refused, None, retryable=True, burns=False)
    for refusals in range(2):
        fate = fate_of(closed(refusals=refusals, max_attempts=1), refused, POLICY, now=NOW, jitter=0)
        assert (fate.status, fate.burned, fate.refusals) == (TaskState.queued, 0, refusals + 1)
    assert fate_of(closed(refusals=2, max_attempts=1), refused, POLICY, now=NOW, jitter=0).status is TaskState.failed


def test_a_worker_that_leaves_sends_its_task_on_at_once() -> None:
    left = Ending(AttemptState.lost, "left", retryable=True, burns=False, at_once=True)
    assert fate_of(closed(), left, POLICY, now=NOW, jitter=0.9).next_attempt_at == NOW


@given(st.integers(0, 19), st.integers(1, 20), st.integers(0, 30), st.sampled_from(AttemptState), st.booleans())
def test_the_budget_is_never_exceeded(
    burned: int, most: int, refusals: int, state: AttemptState, retryable: bool
) -> None:
    ending = Ending(state, None, retryable=retryable, burns=state is not AttemptState.refused)
    before = min(burned, most - 1)
    fate = fate_of(closed(burned=before, max_attempts=most, refusals=refusals), ending, POLICY, now=NOW, jitter=0.5)
    assert before <= fate.burned <= most
    if fate.status is TaskState.queued:
        assert fate.burned < most
        assert retryable


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_and_stay_within_their_bounds(failures: int, jitter: float) -> None:
    pause = backoff(POLICY, failures, jitter)
    assert timedelta(milliseconds=500) <= pause <= timedelta(milliseconds=60_000)
    assert pause <= backoff(POLICY, failures + 1, jitter)


def test_jitter_spreads_the_upper_half() -> None:
    assert backoff(POLICY, 3, 0) == timedelta(seconds=2)
    assert backoff(POLICY, 3, 0.5) == timedelta(seconds=3)


@pytest.mark.parametrize(
    ("ending", "known"),
    [
        (FAILED, FailureClass.retryable),
        (replace(FAILED, retryable=False), FailureClass.permanent),
        (replace(FAILED, state=AttemptState.timed_out), FailureClass.retryable),
        (replace(FAILED, state=AttemptState.lost), FailureClass.retryable),
        (replace(FAILED, state=AttemptState.lost, burns=False), None),
        (replace(FAILED, state=AttemptState.cancelled, retryable=False), None),
        (replace(FAILED, state=AttemptState.refused, burns=False), None),
        (replace(FAILED, state=AttemptState.completed), None),
    ],
)
def test_the_class_of_a_failure_says_whether_another_attempt_could_end_differently(
    ending: Ending, known: FailureClass | None
) -> None:
    assert ending.failure_class is known


def test_a_task_that_is_given_up_has_the_class_of_its_last_failure() -> None:
    for ending in (FAILED, replace(FAILED, retryable=False)):
        fate = fate_of(closed(burned=2), ending, POLICY, now=NOW, jitter=0)
        assert (fate.status, fate.failure_class) == (TaskState.failed, ending.failure_class)
    again = fate_of(closed(), FAILED, POLICY, now=NOW, jitter=0)
    assert (again.status, again.failure_class) == (TaskState.queued, None)


@pytest.mark.parametrize(
    ("before", "now", "after", "attempts", "state"),
    [
        (0, 1, 3, 9, TaskState.queued),
        (1, 1, 3, 9, TaskState.queued),
        (2, 1, 3, 9, TaskState.failed),
        # One attempt may cost a worker more than one of its lives.
        (0, 3, 3, 9, TaskState.failed),
        (7, 1, 0, 9, TaskState.queued),
    ],
)
def test_a_task_that_workers_do_not_survive_is_quarantined(
    before: int, now: int, after: int, attempts: int, state: TaskState
) -> None:
    policy, lost = replace(POLICY, quarantine_after=after), Ending(AttemptState.lost, "gone", True, crashes=now)
    fate = fate_of(closed(crashes=before, max_attempts=attempts), lost, policy, now=NOW, jitter=0)
    assert (fate.status, fate.crashes) == (state, before + now)
    is_quarantined = state is TaskState.failed
    assert (fate.failure_class is FailureClass.poison) is is_quarantined
    assert ("quarantined" in (fate.reason or "")) is is_quarantined


def test_crashes_alone_put_nothing_into_quarantine_that_ended_otherwise() -> None:
    worn = closed(crashes=9, max_attempts=9)
    assert fate_of(worn, FAILED, POLICY, now=NOW, jitter=0).status is TaskState.queued
    for state in (AttemptState.completed, AttemptState.cancelled):
        ending = Ending(state, None, retryable=False, crashes=9)
        assert fate_of(worn, ending, POLICY, now=NOW, jitter=0).failure_class is None


def test_with_fewer_attempts_than_crashes_allowed_the_ordinary_rule_ends_a_task_first() -> None:
    lost = Ending(AttemptState.lost, "gone", retryable=True, crashes=1)
    fate = fate_of(closed(burned=1, max_attempts=2, crashes=1), lost, POLICY, now=NOW, jitter=0)
    assert (fate.status, fate.failure_class) == (TaskState.failed, FailureClass.retryable)


@pytest.mark.parametrize(
    ("default_ms", "asked_ms", "waits_ms"), [(0, None, None), (5, None, 5), (5, 7, 7), (5, 0, None)]
)
def test_a_wait_in_the_queue_ends_when_the_task_or_else_the_platform_says(
    default_ms: int, asked_ms: int | None, waits_ms: int | None
) -> None:
    until = queue_until(replace(POLICY, queue_ms=default_ms), asked_ms, NOW)
    assert until == (None if waits_ms is None else NOW + timedelta(milliseconds=waits_ms))


def test_a_task_that_is_tried_again_waits_anew_from_when_it_is_due() -> None:
    fate = fate_of(closed(queue_ms=5_000), FAILED, POLICY, now=NOW, jitter=0)
    assert fate.next_attempt_at is not None
    assert fate.queue_until == fate.next_attempt_at + timedelta(seconds=5)
