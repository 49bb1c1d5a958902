"""Sums that were made lately, with the versions of the rows that they are of."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from analytics_query.decisions.cover import Stretch
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import WIDTH, Dimension, Resolution

Versions = list[int]
"""`xmin` of each row in ascending order: a transaction that changes, adds or removes a row changes this."""
MOVING = 2
"""So many of the newest buckets are summed up apart: nearly all that is projected changes no others."""


PLACE = 10
"""What any sum takes, even one of nothing."""


class Run(NamedTuple):
    """Which roll-ups of an entity, side by side."""

    dimension: Dimension
    resolution: Resolution
    since: datetime
    until: datetime
    without: str
    """Distributions that are left out, separated by commas."""


class Part(NamedTuple):
    """Roll-ups of an entity, side by side, that are summed up as one."""

    run: Run
    entity: str


class Sum(NamedTuple):
    """The sum of parts as it was at these versions of their rows. It must not be changed: others read it, too."""

    versions: Versions
    figures: Figures


class KeptSums:
    """The sums that were asked for last, up to a bound of the numbers in them."""

    def __init__(self, most_numbers: int) -> None:
        self._most = most_numbers
        self._sums: OrderedDict[Part | tuple[Part, ...], Sum] = OrderedDict()
        self.numbers = 0

    def known(self, of: Part | tuple[Part, ...]) -> Sum | None:
        """The sum of a part, or of several, if it is kept; whether it is still true their rows say."""
        found = self._sums.get(of)
        if found is not None:
            self._sums.move_to_end(of)
        return found

    def keep(self, of: Part | tuple[Part, ...], made: Sum) -> None:
        """Keep a sum, and forget those that nobody has asked for for longest."""
        self._forget(self._sums.pop(of, None))
        self._sums[of] = made
        self.numbers += _size(made)
        while self.numbers > self._most:
            self._forget(self._sums.popitem(last=False)[1])

    def _forget(self, made: Sum | None) -> None:
        if made is not None:
            self.numbers -= _size(made)


def stretches_of(stretch: Stretch, newest: datetime) -> Sequence[Stretch]:
    """A stretch in those parts that are summed up apart, seen from the newest time that is asked for."""
    width: timedelta = WIDTH[stretch.resolution]
    bounds = [stretch.until - width * back for back in range(MOVING, -1, -1)]
    if bounds[0] <= stretch.since or stretch.until + width * MOVING <= newest:
        return [stretch]
    begins, ends = [stretch.since, *bounds[:-1]], bounds
    return [Stretch(stretch.resolution, since, until) for since, until in zip(begins, ends, strict=True)]


def _size(made: Sum) -> int:
    return PLACE + len(made.versions) + made.figures.size
