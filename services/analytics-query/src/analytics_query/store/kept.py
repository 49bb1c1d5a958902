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
"""So many of the newest buckets are summed up apart from the rest: nearly all that is projected changes no others."""


MOST_ANSWERS = 1_000
MOST_AGAIN = 0.75
"""Share of the numbers that is for sums that were asked for more than once."""
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


Place = Part | tuple[Part, ...]
"""What a sum is of: a part, or several together."""


class Sum(NamedTuple):
    """The sum of parts as it was at these versions of their rows. It must not be changed: others read it, too."""

    versions: Versions
    figures: Figures


class KeptSums:
    """The sums that were asked for last, up to a bound of the numbers in them.

    Those that were asked for again stay the longest, up to a share of the bound: many questions that nobody repeats do
    not displace them (segmented LRU: Karedla, Love, Wherry 1994).
    """

    def __init__(self, most_numbers: int) -> None:
        self._most = most_numbers
        self._once, self._again = Segment(), Segment()

    @property
    def numbers(self) -> int:
        """How many numbers are kept."""
        return self._once.numbers + self._again.numbers

    def known(self, of: Place) -> Sum | None:
        """The sum of a part, or of several, if it is kept; whether it is still true their rows say."""
        found = self._again.pop(of) or self._once.pop(of)
        if found is None:
            return None
        self._again.put(of, found)
        while self._again.numbers > self._most * MOST_AGAIN:
            self._once.put(*self._again.oldest())
        return found.made

    def is_true(self, of: Part, position: int | None) -> bool:
        """Whether its rows have said so since the projections were at this position."""
        found = self._once.get(of) or self._again.get(of)
        return found is not None and position is not None and found.position == position

    def keep(self, of: Place, made: Sum, position: int | None = None) -> None:
        """Keep a sum of rows that were read after this position, and forget those that nobody has asked for for
        longest."""
        into = self._again if self._again.pop(of) else self._once
        self._once.pop(of)
        into.put(of, KeptSum(made, position, _size(made)))
        while self.numbers > self._most:
            (self._once if self._once.numbers else self._again).oldest()


class KeptSum(NamedTuple):
    """A sum."""

    made: Sum
    position: int | None
    """Where the projections were before its rows were looked at last; None: nobody knows."""
    numbers: int


class Segment:
    """Sums in the order in which they were asked for."""

    def __init__(self) -> None:
        self._sums: OrderedDict[Place, KeptSum] = OrderedDict()
        self.numbers = 0

    def get(self, of: Place) -> KeptSum | None:
        """A sum that stays where it is."""
        return self._sums.get(of)

    def put(self, of: Place, kept: KeptSum) -> None:
        """A sum that was not here, as the newest."""
        self._sums[of] = kept
        self.numbers += kept.numbers

    def pop(self, of: Place) -> KeptSum | None:
        """A sum that is here no longer."""
        kept = self._sums.pop(of, None)
        if kept is not None:
            self.numbers -= kept.numbers
        return kept

    def oldest(self) -> tuple[Place, KeptSum]:
        """The oldest, which is here no longer."""
        of, kept = self._sums.popitem(last=False)
        self.numbers -= kept.numbers
        return of, kept


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
    """A stretch, or what is long past and what still moves of it, seen from the newest time that is asked for."""
    width: timedelta = WIDTH[stretch.resolution]
    moving = stretch.until - width * MOVING
    if moving <= stretch.since or stretch.until + width * MOVING <= newest:
        return [stretch]
    return [stretch._replace(until=moving), stretch._replace(since=moving)]


def _size(made: Sum) -> int:
    return PLACE + len(made.versions) + made.figures.size
