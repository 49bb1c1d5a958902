"""Progress goes forward, or says why not."""

import pytest

from contracts.events.reporting import Progress
from worker_agent.decisions.progress import check_progress
from worker_agent.errors import ProgressBackwards


def progress(percent: float | None = None, reason: str | None = None) -> Progress:
    return Progress.model_validate({"status": "x", "metrics": {"percent_complete": percent}, "reason": reason})


def test_less_than_before_is_refused_with_both_values() -> None:
    with pytest.raises(ProgressBackwards, match=r"percent_complete: given 40, but 62\.5 .* `reason`"):
        check_progress(progress(40), 62.5)


@pytest.mark.parametrize("body", [progress(62.5), progress(70), progress(), progress(10, "the suite was wrong")])
def test_as_much_or_more_or_nothing_or_a_reason_is_taken(body: Progress) -> None:
    check_progress(body, 62.5)


def test_an_empty_reason_is_none() -> None:
    with pytest.raises(ProgressBackwards):
        check_progress(progress(1, ""), 2)
