"""What a report, and a checkpoint, of an attempt is worth."""

from datetime import timedelta

import pytest

from contracts.rpc import CheckpointFound
from contracts.tasks import AttemptState
from orchestrator.decisions.fencing import Standing, is_stale, standing_of
from tests.support.examples import NOW

MOMENT = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("holder", "state", "is_current", "says_cancelled", "standing"),
    [
        ("w1", AttemptState.running, True, False, Standing.current),
        ("w1", AttemptState.running, False, False, Standing.stale),
        ("w1", AttemptState.lost, True, False, Standing.stale),
        ("w1", AttemptState.cancelled, True, True, Standing.acknowledged),
        ("w1", AttemptState.cancelled, True, False, Standing.stale),
        ("w1", AttemptState.completed, True, False, Standing.late),
        ("w1", AttemptState.failed, False, False, Standing.stale),
        ("w2", AttemptState.running, True, False, Standing.foreign),
        (None, None, False, False, Standing.foreign),
    ],
)
def test_a_report_counts_for_the_live_attempt_of_the_worker_that_holds_it(
    holder: str | None, state: AttemptState | None, is_current: bool, says_cancelled: bool, standing: Standing
) -> None:
    found = standing_of(
        worker_id="w1", holder=holder, state=state, is_current=is_current, says_cancelled=says_cancelled
    )
    assert found is standing


def test_a_checkpoint_that_came_after_the_task_was_given_on_is_stale() -> None:
    assert is_stale(CheckpointFound(stored_at=NOW + MOMENT), NOW)
    assert not is_stale(CheckpointFound(stored_at=NOW - MOMENT), NOW)


def test_a_checkpoint_of_which_the_time_is_not_known_is_given_out() -> None:
    assert not is_stale(CheckpointFound(), NOW)
    assert not is_stale(CheckpointFound(stored_at=NOW), None)
