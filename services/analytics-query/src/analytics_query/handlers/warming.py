"""Making the sums of the widest report before anybody asks for it."""

from datetime import datetime

from analytics_query.decisions.reports import needs
from analytics_query.decisions.reports.asked import Asked
from analytics_query.decisions.reports.definitions import ALL
from analytics_query.decisions.time_ranges import time_range
from analytics_query.domain.vocabulary import Resolution, bucket_of
from analytics_query.handlers.gathering import Sources, gather
from analytics_query.handlers.reports import as_counted, performance_report

TIME_RANGES = ("last_hour", "last_24_hours", "last_7_days", "last_30_days")
"""Those that most people ask for, one of them by default."""
ANY_OBJECTIVE = 95.0
"""Nobody sees the report that is made with it."""


class Warmth:
    """Sums that are kept warm: those that a report on the whole system reads, over the usual lengths of time.

    It reads more than any other report, and what it has summed up others find ready, too.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._made_at: tuple[int, datetime] | None = None

    async def renew(self, now: datetime) -> bool:
        """Sum up what has changed; False if nothing can have: no event was projected, and the hour is the same."""
        position = await self._sources.documents.position()
        made_at = (position.number, bucket_of(now, Resolution.hour))
        if made_at == self._made_at:
            return False
        for name in TIME_RANGES:
            asked = await as_counted(Asked("performance", time_range(name, now)), self._sources)
            await gather(needs.of_system((ALL,)), asked.period, now, position, self._sources)
            # What is asked for again stays the longest; and the report puts values in order, which are kept so.
            await performance_report(asked, now, position, self._sources, ANY_OBJECTIVE)
        self._made_at = made_at
        return True
