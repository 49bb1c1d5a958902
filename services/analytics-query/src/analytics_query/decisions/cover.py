"""Covering a stretch of time with roll-ups, in as few as there can be."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from analytics_query.domain.retention import Kept
from analytics_query.domain.vocabulary import WIDTH, Resolution, bucket_of

ALL_KEPT = Kept()


class Stretch(NamedTuple):
    """Roll-ups of one resolution, side by side: their buckets are in [since, until)."""

    resolution: Resolution
    since: datetime
    until: datetime


class Step(NamedTuple):
    """A resolution in seconds."""

    resolution: Resolution
    width_s: int
    since_s: float
    """From when on it is kept."""


def cover(since: datetime, until: datetime, resolutions: Sequence[Resolution], kept: Kept = ALL_KEPT) -> list[Stretch]:
    """Stretches that cover [since, until) without overlap, in order of time.

    `resolutions`: those that there are, finest first. Both ends are moved outward to whole buckets of the finest that
    is still kept of the time where they lie.
    """
    if since >= until:
        return []
    steps = [Step(one, int(WIDTH[one].total_seconds()), kept.since_s(one)) for one in resolutions]
    at_s, end_s = int(since.timestamp()), -(-until.timestamp() // steps[0].width_s) * steps[0].width_s
    at_s -= at_s % _finest(at_s, steps).width_s
    pieces: list[tuple[Resolution, int, int]] = []
    while at_s < end_s:
        step = _widest(at_s, end_s, steps)
        begin_s = pieces.pop()[1] if pieces and pieces[-1][0] is step.resolution else at_s
        at_s += step.width_s
        pieces.append((step.resolution, begin_s, at_s))
    return [Stretch(resolution, _time(begin_s), _time(after_s)) for resolution, begin_s, after_s in pieces]


def ceiling_of(at: datetime, resolution: Resolution) -> datetime:
    """The beginning of the first bucket that does not begin before `at`."""
    bucket = bucket_of(at, resolution)
    return bucket if bucket == at else bucket + WIDTH[resolution]


def first_of(oldest: Mapping[Resolution, datetime]) -> datetime | None:
    """Where there is anything from on, as fine as it is known, by the oldest bucket of each resolution."""
    first: tuple[Resolution, datetime] | None = None
    for resolution, bucket in sorted(oldest.items(), key=lambda one: WIDTH[one[0]], reverse=True):
        if first is None or bucket < first[1] + WIDTH[first[0]]:
            first = resolution, bucket
    return first[1] if first else None


def _finest(at_s: int, steps: Sequence[Step]) -> Step:
    """The finest that is kept of a time; the coarsest always is."""
    return next((one for one in steps if at_s - at_s % one.width_s >= one.since_s), steps[-1])


def _widest(at_s: int, end_s: float, steps: Sequence[Step]) -> Step:
    """The coarsest that is kept, with a bucket that begins here and ends in time; else the finest."""
    for one in reversed(steps):
        if at_s % one.width_s == 0 and at_s + one.width_s <= end_s and at_s >= one.since_s:
            return one
    return _finest(at_s, steps)


def _time(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
