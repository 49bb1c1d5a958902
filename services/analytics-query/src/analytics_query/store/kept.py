"""Sums that were made lately, with the versions of the rows that they are of."""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from analytics_query.decisions.cover import Stretch
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import WIDTH, Dimension, Resolution

Versions = tuple[int, ...]
"""`xmin` of each row in ascending order: a transaction that changes, adds or removes a row changes this."""
AnswerT = TypeVar("AnswerT")
MOVING = 2
"""So many of the newest buckets are summed up apart: nearly all that is projected changes no others."""


MOST_ANSWERS = 1_000
PLACE = 10
"""What any sum takes, even one of nothing."""


class Run(NamedTuple):
    """Which roll-ups of an entity, side by side."""

    dimension: Dimension
    resolution: Resolution
    since: datetime
    until: datetime
    without: str
    """What is left out, separated by commas: see `Stretched`."""


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
        self._true_at: dict[Part | tuple[Part, ...], int | None] = {}
        self.numbers = 0

    def known(self, of: Part | tuple[Part, ...]) -> Sum | None:
        """The sum of a part, or of several, if it is kept; whether it is still true their rows say."""
        found = self._sums.get(of)
        if found is not None:
            self._sums.move_to_end(of)
        return found

    def is_true(self, of: Part, position: int | None) -> bool:
        """Whether its rows have said so since the projections were at this position."""
        return position is not None and self._true_at.get(of) == position

    def keep(self, of: Part | tuple[Part, ...], made: Sum, position: int | None = None) -> None:
        """Keep a sum of rows that were read after this position, and forget those that nobody has asked for for
        longest."""
        self._forget(of, self._sums.pop(of, None))
        self._sums[of], self._true_at[of] = made, position
        self.numbers += _size(made)
        while self.numbers > self._most:
            self._forget(*self._sums.popitem(last=False))

    def _forget(self, of: Part | tuple[Part, ...], made: Sum | None) -> None:
        if made is not None:
            self.numbers -= _size(made)
            del self._true_at[of]


class KeptAnswers(Generic[AnswerT]):
    """What was found at the position that was asked about last."""

    def __init__(self) -> None:
        self._position: int | None = None
        self._found: dict[Hashable, AnswerT] = {}

    def known(self, question: Hashable, position: int | None) -> AnswerT | None:
        """What was found at this position."""
        return self._found.get(question) if position is not None and position == self._position else None

    def keep(self, question: Hashable, found: AnswerT, position: int | None) -> None:
        """Keep what was found after the projections were at this position, and forget what is of another."""
        if position != self._position or len(self._found) >= MOST_ANSWERS:
            self._position, self._found = position, {}
        self._found[question] = found


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
