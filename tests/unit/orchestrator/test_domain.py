"""States and their transitions, and which report may still change anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.tasks import TERMINAL_STATES, AttemptState, TaskState
from orchestrator.decisions.fencing import Standing, standing_of
from orchestrator.domain import (
    LIVE_ATTEMPTS,
    LIVE_STATES,
    RETRYABLE_STATES,
    TRANSITIONS,
    check_transition,
    sources_of,
)
from orchestrator.errors import IllegalTransition


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(TaskState)
    reached = {TaskState.queued}
    while (grown := reached | {target for state in reached for target in TRANSITIONS[state]}) != reached:
        reached = grown
    assert reached == set(TaskState)


def test_nothing_follows_completion() -> None:
    assert TRANSITIONS[TaskState.completed] == frozenset()
    with pytest.raises(IllegalTransition, match="from completed to queued"):
        check_transition(TaskState.completed, TaskState.queued)


def test_only_a_queued_task_is_assigned() -> None:
    assert sources_of(TaskState.assigned) == ["queued"]


def test_only_what_ended_badly_is_retried() -> None:
    ended = {state for state in TERMINAL_STATES if TaskState.queued in TRANSITIONS[state]}
    assert ended == RETRYABLE_STATES


def test_every_live_state_may_end_in_every_way() -> None:
    for state in LIVE_STATES:
        assert TERMINAL_STATES | {TaskState.queued} <= TRANSITIONS[state]


@given(st.sampled_from(AttemptState), st.booleans(), st.booleans())
def test_only_the_holder_of_the_live_attempt_is_believed(
    state: AttemptState, is_current: bool, says_cancelled: bool
) -> None:
    standing = standing_of(worker_id="w", holder="w", state=state, is_current=is_current, says_cancelled=says_cancelled)
    assert (standing is Standing.current) == (state in LIVE_ATTEMPTS and is_current)
    other = standing_of(worker_id="v", holder="w", state=state, is_current=is_current)
    assert other is Standing.foreign


@pytest.mark.parametrize(
    ("state", "is_current", "says_cancelled", "standing"),
    [
        ("completed", True, False, "late"),
        ("failed", False, False, "stale"),
        ("lost", True, False, "stale"),
        ("cancelled", True, False, "stale"),
        ("cancelled", True, True, "acknowledged"),
        ("refused", True, False, "stale"),
        (None, False, False, "foreign"),
    ],
)
def test_what_changes_nothing_is_told_apart(
    state: str | None, is_current: bool, says_cancelled: bool, standing: str
) -> None:
    judged = standing_of(
        worker_id="w",
        holder="w" if state else None,
        state=AttemptState(state) if state else None,
        is_current=is_current,
        says_cancelled=says_cancelled,
    )
    assert judged == standing
