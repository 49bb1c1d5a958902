"""Covering a stretch of time with roll-ups, in as few as there can be."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from analytics_query.domain.vocabulary import WIDTH, Resolution, bucket_of


class Stretch(NamedTuple):
    """Roll-ups of one resolution, side by side: their buckets are in [since, until)."""

    resolution: Resolution
    since: datetime
    until: datetime


def cover(since: datetime, until: datetime, resolutions: Sequence[Resolution]) -> list[Stretch]:
    """Stretches that cover [since, until) without overlap, in order of time.

    `resolutions`: those that there are, finest first. Both ends are moved outward to whole buckets of the finest.
    """
    finest = resolutions[0]
    since, until = bucket_of(since, finest), ceiling_of(until, finest)
    if since >= until:
        return []
    if len(resolutions) == 1:
        return [Stretch(finest, since, until)]
    first, last = ceiling_of(since, resolutions[1]), bucket_of(until, resolutions[1])
    if first >= last:
        return [Stretch(finest, since, until)]
    middle = cover(first, last, resolutions[1:])
    ends = (Stretch(finest, since, first), Stretch(finest, last, until))
    return [one for one in (ends[0], *middle, ends[1]) if one.since < one.until]


def ceiling_of(at: datetime, resolution: Resolution) -> datetime:
    """The beginning of the first bucket that does not begin before `at`."""
    bucket = bucket_of(at, resolution)
    return bucket if bucket == at else bucket + WIDTH[resolution]
