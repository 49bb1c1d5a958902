"""Figures that add up: the same sums in whatever order they are made, and what was added can be taken away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import Store

from analytics_query.domain.vocabulary import Dimension, Resolution

ACCURACY = 0.01
"""Relative error of a quantile."""
MICRO = 1_000_000
ZERO = "0!"
NEGATIVE = "-!"
MAPPING = LogarithmicMapping(ACCURACY)

Json = dict[str, Any]


@dataclass(slots=True)
class Spread:
    """A distribution, as DDSketch keeps it (Masson, Rim, Lee: VLDB 2019), with an exact sum in millionths.

    `bins` counts values by the logarithm of their size, as `MAPPING` gives it; those of negative values have the prefix
    `NEGATIVE`, and `ZERO` is that of zero. Unlike the library's own stores this one is sparse, and can take away.
    """

    count: int = 0
    micros: int = 0
    bins: dict[str, int] = field(default_factory=dict)

    def add(self, value: float, times: int = 1) -> None:
        """Count a value; a negative `times` takes it away again."""
        name = bin_of(value)
        self.count += times
        self.micros += round(value * MICRO) * times
        self.bins[name] = self.bins.get(name, 0) + times

    def merge(self, other: "Spread", sign: int = 1) -> None:
        """Add all that another has counted, or with `sign` -1 take it away."""
        self.count += other.count * sign
        self.micros += other.micros * sign
        for name, times in other.bins.items():
            self.bins[name] = self.bins.get(name, 0) + times * sign

    def quantile(self, q: float) -> float | None:
        """The value below which a share `q` (0 to 1) lies, within `ACCURACY`; None of nothing."""
        return self.to_sketch().get_quantile_value(q)

    @property
    def mean(self) -> float | None:
        """The exact mean; None of nothing."""
        return self.micros / MICRO / self.count if self.count else None

    def values(self) -> list[tuple[float, int]]:
        """The values with how often each was seen, ascending; each stands for its bin."""
        return sorted((value_of(name), times) for name, times in self.bins.items() if times)

    def to_sketch(self) -> BaseDDSketch:
        """The library's sketch of it."""
        positive = {int(name): times for name, times in self.bins.items() if "!" not in name}
        negative = {
            int(name.removeprefix(NEGATIVE)): times for name, times in self.bins.items() if name.startswith(NEGATIVE)
        }
        return BaseDDSketch(MAPPING, SparseStore(positive), SparseStore(negative), self.bins.get(ZERO, 0))


class SparseStore(Store):
    """A store of the library that holds the bins there are."""

    def __init__(self, bins: Mapping[int, int]) -> None:
        super().__init__()
        self._bins = sorted(bins.items())
        self.count = sum(bins.values())

    def copy(self, store: Store) -> None:
        """Take over another's bins."""
        assert isinstance(store, SparseStore)
        self._bins, self.count = list(store._bins), store.count

    def length(self) -> int:
        """How many bins there are."""
        return len(self._bins)

    def add(self, key: int, weight: float = 1.0) -> None:
        """Never called: a `Spread` does the counting."""
        raise NotImplementedError

    def merge(self, store: Store) -> None:
        """Never called: a `Spread` does the merging."""
        raise NotImplementedError

    def key_at_rank(self, rank: float, lower: bool = True) -> int:
        """The key of the value at a rank from 0."""
        running = 0
        for key, times in self._bins:
            running += times
            if (lower and running > rank) or (not lower and running >= rank + 1):
                return key
        return self._bins[-1][0]


class Last(NamedTuple):
    """The newest value of something: of two, that which is later, and of two at once that with the larger id."""

    at_us: int
    """Microseconds since 1970."""
    event_id: str
    value: float


@dataclass(slots=True)
class Figures:
    """What one roll-up holds: counts (integers), spreads, and newest values, by metric."""

    counts: dict[str, int] = field(default_factory=dict)
    spreads: dict[str, Spread] = field(default_factory=dict)
    lasts: dict[str, Last] = field(default_factory=dict)

    def merge(self, other: "Figures", sign: int = 1) -> None:
        """Add another's, or with `sign` -1 take them away; newest values are never taken away."""
        for metric, count in other.counts.items():
            self.counts[metric] = self.counts.get(metric, 0) + count * sign
        for metric, spread in other.spreads.items():
            self.spreads.setdefault(metric, Spread()).merge(spread, sign)
        if sign > 0:
            for metric, last in other.lasts.items():
                self.lasts[metric] = max(self.lasts.get(metric, last), last)

    def to_json(self) -> Json:
        """As it is stored; what has come to nothing is left out, so that equal figures are equal documents."""
        written: Json = {}
        if counts := {metric: count for metric, count in sorted(self.counts.items()) if count}:
            written["c"] = counts
        if spreads := {metric: _spread_json(spread) for metric, spread in sorted(self.spreads.items()) if spread.count}:
            written["s"] = spreads
        if self.lasts:
            written["l"] = {metric: list(last) for metric, last in sorted(self.lasts.items())}
        return written

    @classmethod
    def from_json(cls, stored: Json) -> "Figures":
        """What `to_json` wrote."""
        return cls(
            counts=dict(stored.get("c", {})),
            spreads={metric: Spread(*kept) for metric, kept in stored.get("s", {}).items()},
            lasts={metric: Last(*kept) for metric, kept in stored.get("l", {}).items()},
        )


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
    """All of them together."""
    together = Figures()
    for one in figures:
        together.merge(one)
    return together


def bin_of(value: float) -> str:
    """The bin in which a value is counted."""
    if value > MAPPING.min_possible:
        return str(MAPPING.key(value))
    if value < -MAPPING.min_possible:
        return f"{NEGATIVE}{MAPPING.key(-value)}"
    return ZERO


def value_of(name: str) -> float:
    """The value that stands for all in a bin."""
    if name == ZERO:
        return 0.0
    if name.startswith(NEGATIVE):
        return -MAPPING.value(int(name.removeprefix(NEGATIVE)))
    return MAPPING.value(int(name))


def _spread_json(spread: Spread) -> list[Any]:
    return [spread.count, spread.micros, {name: times for name, times in sorted(spread.bins.items()) if times}]
