"""From when on roll-ups are kept."""

from datetime import datetime, timedelta

from analytics_query.domain.retention import Kept
from analytics_query.domain.vocabulary import Resolution, bucket_of

# Bounds move by whole buckets of the next resolution, so that what is dropped is whole in it.
STEP = {Resolution.minute: Resolution.hour, Resolution.hour: Resolution.day}


def kept_from(now: datetime, minute_days: int, hour_days: int) -> Kept:
    """What is kept at `now`; days are kept for good."""
    ages = {Resolution.minute: minute_days, Resolution.hour: hour_days}
    return Kept(
        {resolution: bucket_of(now - timedelta(days=days), STEP[resolution]) for resolution, days in ages.items()}
    )
