"""Whether a report may still change anything."""

from datetime import datetime
from enum import StrEnum

from contracts.rpc import CheckpointFound
from contracts.tasks import AttemptState
from orchestrator.domain import ENDED_BY_OUTCOME, LIVE_ATTEMPTS


class Standing(StrEnum):
    """What a report is worth, by the attempt it names."""

    current = "current"
    """The attempt is the task's live one."""
    acknowledged = "acknowledged"
    """The worker confirms that it ended an attempt which was cancelled here."""
    late = "late"
    """The attempt had said its outcome already; nothing is wrong."""
    stale = "stale"
    """The attempt was taken away from this worker: what it says is kept elsewhere and changes nothing here."""
    foreign = "foreign"
    """There is no such attempt, or it is another worker's."""


def is_stale(saved: CheckpointFound, since: datetime | None) -> bool:
    """Whether an earlier attempt saved it after the task was given to the one that asks, at `since`.

    Both times are those of servers: no worker's clock has a say.
    """
    return since is not None and saved.stored_at is not None and saved.stored_at > since


def standing_of(
    *, worker_id: str, holder: str | None, state: AttemptState | None, is_current: bool, says_cancelled: bool = False
) -> Standing:
    """Judge a report of `worker_id` on an attempt of `holder` in `state` (None: there is none)."""
    if holder != worker_id or state is None:
        return Standing.foreign
    if state in LIVE_ATTEMPTS and is_current:
        return Standing.current
    if state is AttemptState.cancelled and says_cancelled:
        return Standing.acknowledged
    if state in ENDED_BY_OUTCOME and is_current:
        return Standing.late
    return Standing.stale
