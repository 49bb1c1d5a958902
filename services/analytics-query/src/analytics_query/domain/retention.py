"""How long roll-ups of each resolution are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from analytics_query.domain.vocabulary import Resolution


@dataclass(frozen=True, slots=True)
class Kept:
    """Since when roll-ups are kept, by resolution; what is not named is kept for good."""

    since: Mapping[Resolution, datetime] = field(default_factory=dict[Resolution, datetime])

    def has(self, resolution: Resolution, bucket_s: float) -> bool:
        """Whether roll-ups that begin then are kept. Older ones get no more entries: a part of them would be wrong."""
        since = self.since.get(resolution)
        return since is None or bucket_s >= since.timestamp()
