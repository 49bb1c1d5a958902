"""Figures that add up: the same sums in whatever order they are made, and what was added can be taken away."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from analytics_query.domain.distributions import Distributions, add_up
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
    spreads: Mapping[str, Spread] = field(default_factory=dict[str, Spread])
    lasts: dict[str, Last] = field(default_factory=dict)

    def merge(self, other: "Figures", sign: int = 1) -> "Change":
        """Add another's, or with `sign` -1 take them away; newest values are never taken away.

        What comes to nothing is dropped, so that equal figures are equal documents.
        """
        plain = add_counts(self.counts, other.counts, sign)
        merged = [self._merge_spread(metric, spread, sign) for metric, spread in other.spreads.items()]
        if sign > 0:
            for metric, last in other.lasts.items():
                known_last = self.lasts.get(metric)
                if known_last is None or known_last.or_newer(last) != known_last:
                    self.lasts[metric] = last
                    plain = True
        return Change(plain, any(merged))

    def _merge_spread(self, metric: str, spread: Spread, sign: int) -> bool:
        if spread.is_nothing:
            return False
        spreads = self.changeable()
        known = spreads.get(metric)
        if known is None:
            known = spreads[metric] = Spread()
        known.merge(spread, sign)
        if known.is_nothing:
            del spreads[metric]
        return True

    def changeable(self) -> dict[str, Spread]:
        """Its distributions, to be changed: those that were read side by side stay so until then."""
        if not isinstance(self.spreads, dict):
            self.spreads = {metric: one.copy() for metric, one in self.spreads.items()}
        return self.spreads

    def absorb_plain(self, plain: Json) -> None:
        """As `merge` of the counts and newest values that `plain_json` wrote, without making figures of them first."""
        sum_counts(self.counts, _integers(plain.get(COUNTS, {})).items())
        for metric, kept in plain.get(LASTS, {}).items():
            last = Last(*kept)
            self.lasts[metric] = self.lasts.get(metric, last).or_newer(last)

    def only(self, metrics: Collection[str]) -> "Figures":
        """These figures with no other distributions; not to be changed."""
        return Figures(self.counts, {name: self.spreads[name] for name in metrics if name in self.spreads}, self.lasts)

    @property
    def size(self) -> int:
        """How many numbers it holds, about."""
        spreads = Distributions.of(self.spreads)
        return len(self.counts) + 3 * len(self.lasts) + 3 * len(spreads) + len(spreads.places)

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
    """All of them together, where none takes anything away; not to be changed."""
    return totals([list(figures)])[0]


def totals(groups: Sequence[Sequence[Figures]]) -> list[Figures]:
    """As `total` of each group."""
    spreads = add_up([[Distributions.of(one.spreads) for one in group] for group in groups])
    return [_total(group, some) for group, some in zip(groups, spreads, strict=True)]


def _total(group: Sequence[Figures], spreads: Distributions) -> Figures:
    together = Figures(spreads=spreads)
    for one in group:
        sum_counts(together.counts, one.counts.items())
        for metric, last in one.lasts.items():
            together.lasts[metric] = together.lasts.get(metric, last).or_newer(last)
    return together


def rest(whole: Figures, parts: Sequence[Figures]) -> list[Figures]:
    """What is left of the whole without each of its parts, newest values but those of the whole; not to be changed."""
    held = Distributions.of(whole.spreads)
    spreads = add_up([[held, Distributions.of(part.spreads).negative()] for part in parts])
    left = [Figures(whole.counts.copy(), some, whole.lasts) for some in spreads]
    for one, part in zip(left, parts, strict=True):
        add_counts(one.counts, part.counts, -1)
    return left


def integer_json(number: int) -> int | str:
    """As it is stored: JSON readers make floats of larger numbers: those are written as text."""
    return number if -INT64 <= number < INT64 else str(number)


def _integers(counts: dict[str, Any]) -> dict[str, int]:
    # Those that were written as text are rare, and a sum that fails is the quickest way to find them.
    try:
        sum(counts.values())
    except TypeError:
        return {metric: int(count) for metric, count in counts.items()}
    return counts
