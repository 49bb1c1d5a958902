"""When an attempt is taken from a worker that lives and does not end it."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.decisions.overruns import Backstop, overrun
from orchestrator.domain import AttemptRef, LiveRun

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BACKSTOP = Backstop(run_ms=600_000, verify_ms=60_000, grace_ms=240_000)


def lasting(seconds: float, run_ms: int | None = None, verify_ms: int | None = None) -> LiveRun:
    return LiveRun(AttemptRef("t", 1), "w1", NOW - timedelta(seconds=seconds), run_ms, verify_ms)


@pytest.mark.parametrize(
    ("run", "said_ms", "most_s"),
    [
        (lasting(0), None, 900),
        (lasting(0, run_ms=60_000), None, 360),
        (lasting(0, verify_ms=0), None, 840),
        # The worker knows what was granted, and its own limit.
        (lasting(0, run_ms=60_000), 3_600_000, 3_900),
        (lasting(0), 1_000, 301),
    ],
)
def test_an_attempt_is_cut_off_when_its_time_is_over(run: LiveRun, said_ms: int | None, most_s: int) -> None:
    assert overrun(run, said_ms, BACKSTOP, NOW + timedelta(seconds=most_s - 1)) is None
    assert overrun(run, said_ms, BACKSTOP, NOW + timedelta(seconds=most_s)) is not None


def test_the_reason_says_who_had_it_for_how_long_and_what_was_allowed() -> None:
    assert overrun(lasting(960, verify_ms=1_500), None, BACKSTOP, NOW) == (
        "worker w1 still had it after 16 min: its agent may run 10 min and its verification 1.5 s, and the worker did "
        "not end it in the 4 min after that"
    )
