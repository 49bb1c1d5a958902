"""When an attempt is taken from a worker that lives, names it in its heartbeats, and does not end it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.domain import LiveRun

TWO_MINUTES_S = 120


@dataclass(frozen=True, slots=True)
class Backstop:
    """Limits where neither task nor worker name one, and how much longer than all of them an attempt may take."""

    run_ms: int
    verify_ms: int
    grace_ms: int


def overrun(run: LiveRun, said_ms: int | None, backstop: Backstop, now: datetime) -> str | None:
    """Why the attempt must end, in words; None while it may go on. `said_ms`: what its worker lets its agent run."""
    run_ms = next(ms for ms in (said_ms, run.run_ms, backstop.run_ms) if ms is not None)
    verify_ms = backstop.verify_ms if run.verify_ms is None else run.verify_ms
    allowed = timedelta(milliseconds=run_ms + verify_ms + backstop.grace_ms)
    lasted = now - run.since
    if lasted < allowed:
        return None
    return (
        f"worker {run.worker_id} still had it after {_said(lasted)}: its agent may run {_ms(run_ms)} and its "
        f"verification {_ms(verify_ms)}, and the worker did not end it in the {_ms(backstop.grace_ms)} after that"
    )


def _ms(duration_ms: int) -> str:
    return _said(timedelta(milliseconds=duration_ms))


def _said(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    return f"{seconds / 60:.0f} min" if seconds >= TWO_MINUTES_S else f"{seconds:.3g} s"
