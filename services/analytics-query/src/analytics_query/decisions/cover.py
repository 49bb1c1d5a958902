"""Covering a stretch of time with roll-ups, in as few as there can be."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from analytics_query.domain.retention import Kept
from analytics_query.domain.vocabulary import WIDTH, Resolution, bucket_of

ALL_KEPT = Kept()


class Stretch(NamedTuple):
    """Roll-ups of one resolution, side by side: their buckets are in [since, until)."""

    resolution: Resolution
    since: datetime
    until: datetime


def cover(since: datetime, until: datetime, resolutions: Sequence[Resolution], kept: Kept = ALL_KEPT) -> list[Stretch]:
    """Stretches that cover [since, until) without overlap, in order of time.

    `resolutions`: those that there are, finest first. Both ends are moved outward to whole buckets of the finest that
    is still kept of the time where they lie.
    """
    if since >= until:
        return []
    present = [one for one in resolutions if kept.has(one, bucket_of(since, one).timestamp())]
    return _cover(since, until, list(resolutions), present or [resolutions[-1]])


def ceiling_of(at: datetime, resolution: Resolution) -> datetime:
    """The beginning of the first bucket that does not begin before `at`."""
    bucket = bucket_of(at, resolution)
    return bucket if bucket == at else bucket + WIDTH[resolution]


def _cover(
    since: datetime, until: datetime, resolutions: list[Resolution], at_start: list[Resolution]
) -> list[Stretch]:
    """`at_start`: the resolutions that are kept of the beginning; those that are not are kept from later on."""
    finest, coarser = resolutions[0], resolutions[1:]
    is_whole = finest in at_start
    begin, end = bucket_of(since, finest if is_whole else at_start[0]), ceiling_of(until, finest)
    if not coarser:
        return [Stretch(finest, begin, end)]
    first, last = ceiling_of(begin, coarser[0]), bucket_of(end, coarser[0])
    if first >= last:
        return [Stretch(finest, begin, end)] if is_whole else _cover(begin, end, coarser, at_start)
    middle = _cover(first, last, coarser, at_start)
    ends = (Stretch(finest, begin, first), Stretch(finest, last, end))
    return [one for one in (ends[0], *middle, ends[1]) if one.since < one.until]
