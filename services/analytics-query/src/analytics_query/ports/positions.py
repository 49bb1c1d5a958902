"""How far the projections are."""

from dataclasses import dataclass, field
from datetime import datetime

from analytics_query.domain.retention import Kept


@dataclass(frozen=True, slots=True)
class Position:
    """How far the projections are. `number` changes with every change: what was read at one number is of one piece."""

    number: int
    applied_at: datetime | None = None
    """When the last change was made."""
    newest_event_at: datetime | None = None
    """When the newest event occurred that is in them."""
    fold_version: int = 0
    """The version of the folding that made them; see `decisions.folding.FOLD_VERSION`."""
    kept: Kept = field(default_factory=Kept)
    """Which roll-ups are kept."""
