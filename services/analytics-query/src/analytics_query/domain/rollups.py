"""Figures that add up: the same sums in whatever order they are made, and what was added can be taken away."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from analytics_query.domain.spreads import Spread, add_counts, sum_counts
from analytics_query.domain.vocabulary import Dimension, Resolution

INT64 = 2**63
COUNTS, LASTS = "c", "l"
"""Where stored figures have their counts and their newest values; no distribution is called so."""
SPREADS = "*"
"""All distributions, where it is said what of figures is not read."""

Json = dict[str, Any]


class Last(NamedTuple):
    """The newest value of something: of two sources the later one, and of two at once that with the larger name.

    It is not taken away, but what its source says next replaces it. So time and name of a source must never change.
    """

    at_us: int
    """Microseconds since 1970."""
    source: str
    value: float

    def or_newer(self, other: "Last") -> "Last":
        """The other, unless it is of an older source."""
        return other if other[:2] >= self[:2] else self


class Change(NamedTuple):
    """What of some figures has changed."""

    plain: bool
    """Counts or newest values."""
    spreads: bool


@dataclass(slots=True)
class Figures:
    """What one roll-up holds: counts (integers), spreads, and newest values, by metric."""

    counts: dict[str, int] = field(default_factory=dict)
    spreads: dict[str, Spread] = field(default_factory=dict)
    lasts: dict[str, Last] = field(default_factory=dict)

    def merge(self, other: "Figures", sign: int = 1) -> "Change":
        """Add another's, or with `sign` -1 take them away; newest values are never taken away.

        What comes to nothing is dropped, so that equal figures are equal documents.
        """
        plain = add_counts(self.counts, other.counts, sign)
        spreads = False
        for metric, spread in other.spreads.items():
            if spread.is_nothing:
                continue
            spreads = True
            known = self.spreads.get(metric)
            if known is None:
                known = self.spreads[metric] = Spread()
            known.merge(spread, sign)
            if known.is_nothing:
                del self.spreads[metric]
        if sign > 0:
            for metric, last in other.lasts.items():
                known_last = self.lasts.get(metric)
                if known_last is None or known_last.or_newer(last) != known_last:
                    self.lasts[metric] = last
                    plain = True
        return Change(plain, spreads)

    def absorb(self, other: "Figures") -> None:
        """As `merge`, but nothing comes to nothing: this is most of what a long report costs."""
        sum_counts(self.counts, other.counts.items())
        for metric, spread in other.spreads.items():
            known = self.spreads.get(metric)
            if known is None:
                self.spreads[metric] = spread.copy()
            else:
                known.absorb(spread)
        for metric, last in other.lasts.items():
            self.lasts[metric] = self.lasts.get(metric, last).or_newer(last)

    def absorb_plain(self, plain: Json) -> None:
        """As `absorb` of the counts and newest values that `plain_json` wrote, without making figures of them first."""
        sum_counts(self.counts, _integers(plain.get(COUNTS, {})).items())
        for metric, kept in plain.get(LASTS, {}).items():
            last = Last(*kept)
            self.lasts[metric] = self.lasts.get(metric, last).or_newer(last)

    def absorb_spread(self, metric: str, count: int, micros: int, bins: Iterable[tuple[int, int]]) -> None:
        """As `absorb` of one distribution that is given by its parts."""
        known = self.spreads.get(metric)
        if known is None:
            self.spreads[metric] = Spread(count, micros, dict(bins))
        else:
            known.absorb_counted(count, micros, bins)

    def copy(self) -> "Figures":
        """Figures that can be changed without changing these."""
        spreads = {metric: spread.copy() for metric, spread in self.spreads.items()}
        return Figures(self.counts.copy(), spreads, self.lasts.copy())

    def only(self, metrics: Collection[str]) -> "Figures":
        """These figures with no other distributions; not to be changed."""
        return Figures(self.counts, {name: one for name, one in self.spreads.items() if name in metrics}, self.lasts)

    @property
    def size(self) -> int:
        """How many numbers it holds, about."""
        return len(self.counts) + 3 * len(self.lasts) + sum(2 + len(spread.bins) for spread in self.spreads.values())

    @property
    def is_nothing(self) -> bool:
        """Whether adding it would change nothing."""
        return not (
            self.lasts or any(self.counts.values()) or any(not spread.is_nothing for spread in self.spreads.values())
        )

    def plain_json(self) -> Json:
        """Counts and newest values as they are stored."""
        written: Json = {}
        if self.counts:
            written[COUNTS] = {metric: integer_json(count) for metric, count in self.counts.items()}
        if self.lasts:
            written[LASTS] = {metric: list(last) for metric, last in self.lasts.items()}
        return written


class Key(NamedTuple):
    """Which roll-up."""

    dimension: Dimension
    entity: str
    resolution: Resolution
    bucket_s: int
    """Its beginning: seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """A roll-up as it is read."""

    key: Key
    figures: Figures


def total(figures: Iterable[Figures]) -> Figures:
    """All of them together, where none takes anything away."""
    together = Figures()
    for one in figures:
        together.absorb(one)
    return together


def integer_json(number: int) -> int | str:
    """As it is stored: JSON readers make floats of larger numbers: those are written as text."""
    return number if -INT64 <= number < INT64 else str(number)


def _integers(counts: dict[str, Any]) -> dict[str, int]:
    # Those that were written as text are rare.
    return {metric: int(count) for metric, count in counts.items()} if str in map(type, counts.values()) else counts
