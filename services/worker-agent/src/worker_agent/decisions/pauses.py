"""What a pause means for what is told of an attempt, and for its clocks."""

from datetime import datetime

from contracts.events.reporting import Progress
from worker_agent.domain import AttemptRecord, Pause

PAUSED = "paused"
"""The status by which the platform knows that an attempt stands still."""


def now_paused(before: Progress) -> Progress:
    """Where the work stands while it stands still: where it stood before."""
    return before.model_copy(update={"status": PAUSED, "reason": None})


def goes_on(pause: Pause) -> str:
    """What the agent is told when it may go on."""
    return "The pause is over: go on." if pause.stopped_at else "The pause is over before it began: go on."


def stood_still_ms(record: AttemptRecord, now: datetime) -> int:
    """How long an attempt has stood still, the pause that is in force included."""
    since = record.pause.stopped_at if record.pause is not None else None
    return record.paused_ms + (int((now - since).total_seconds() * 1000) if since is not None else 0)
