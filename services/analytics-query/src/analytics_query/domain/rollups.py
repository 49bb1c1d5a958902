"""Figures that add up: the same sums in whatever order they are made, and what was added can be taken away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import Store

from analytics_query.domain.vocabulary import Dimension, Resolution

ACCURACY = 0.01
"""Relative error of a quantile."""
MICRO = 1_000_000
LARGEST = 1e15
"""Values beyond it count as it: what reports may hold has no bound, what adds up exactly needs one."""
INT64 = 2**63
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
    _ordered: "Ordered | None" = field(default=None, init=False, repr=False, compare=False)

    def add(self, value: float, times: int = 1) -> None:
        """Count a value; a negative `times` takes it away again."""
        self.enter(*counted_as(value), times)

    def enter(self, name: str, micros: int, times: int) -> None:
        """Count a value as `counted_as` gives it."""
        self.count += times
        self.micros += micros * times
        self.bins[name] = self.bins.get(name, 0) + times
        self._ordered = None

    def merge(self, other: "Spread", sign: int = 1) -> None:
        """Add all that another has counted, or with `sign` -1 take it away."""
        self.count += other.count * sign
        self.micros += other.micros * sign
        self._ordered = None
        _add(self.bins, other.bins, sign)

    def absorb(self, other: "Spread") -> None:
        """As `merge`, but nothing comes to nothing: reports read sums of what is there."""
        self.count += other.count
        self.micros += other.micros
        self._ordered = None
        _sum(self.bins, other.bins)

    def copy(self) -> "Spread":
        """One that can be changed without changing this one."""
        return Spread(self.count, self.micros, self.bins.copy())

    @property
    def is_nothing(self) -> bool:
        """Whether adding it would change nothing."""
        return not self.count and not self.micros and not any(self.bins.values())

    def quantile(self, q: float) -> float | None:
        """The value below which a share `q` (0 to 1) lies, within `ACCURACY`; None of nothing."""
        return self.to_sketch().get_quantile_value(q)

    @property
    def mean(self) -> float | None:
        """The exact mean; None of nothing."""
        return self.micros / MICRO / self.count if self.count else None

    def ordered(self) -> "Ordered":
        """The values with how often each was seen, ascending; each stands for its bin."""
        if self._ordered is None:
            found = sorted([(value_of(name), times) for name, times in self.bins.items() if times])
            times = [times for _, times in found]
            self._ordered = Ordered([value for value, _ in found], times, list(accumulate(times)))
        return self._ordered

    def to_sketch(self) -> BaseDDSketch:
        """The library's sketch of it."""
        positive = {int(name): times for name, times in self.bins.items() if "!" not in name}
        negative = {
            int(name.removeprefix(NEGATIVE)): times for name, times in self.bins.items() if name.startswith(NEGATIVE)
        }
        return BaseDDSketch(MAPPING, SparseStore(positive), SparseStore(negative), self.bins.get(ZERO, 0))


class Ordered(NamedTuple):
    """Values in ascending order, how often each was seen, and how often it or any before it."""

    values: list[float]
    times: list[int]
    running: list[int]


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
        plain = _add(self.counts, other.counts, sign)
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
        _sum(self.counts, other.counts)
        for metric, spread in other.spreads.items():
            known = self.spreads.get(metric)
            if known is None:
                self.spreads[metric] = spread.copy()
            else:
                known.absorb(spread)
        for metric, last in other.lasts.items():
            self.lasts[metric] = self.lasts.get(metric, last).or_newer(last)

    def copy(self) -> "Figures":
        """Figures that can be changed without changing these."""
        spreads = {metric: spread.copy() for metric, spread in self.spreads.items()}
        return Figures(self.counts.copy(), spreads, self.lasts.copy())

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
            written["c"] = {metric: _integer(count) for metric, count in self.counts.items()}
        if self.lasts:
            written["l"] = {metric: list(last) for metric, last in self.lasts.items()}
        return written

    def spreads_json(self) -> Json:
        """Spreads as they are stored: count, sum and bins of each."""
        return {metric: [spread.count, _integer(spread.micros), spread.bins] for metric, spread in self.spreads.items()}

    @classmethod
    def from_json(cls, plain: Json, spreads: Json) -> "Figures":
        """What `plain_json` and `spreads_json` wrote."""
        return cls(
            counts={metric: int(count) for metric, count in plain.get("c", {}).items()},
            spreads={metric: Spread(count, int(micros), bins) for metric, (count, micros, bins) in spreads.items()},
            lasts={metric: Last(*kept) for metric, kept in plain.get("l", {}).items()},
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


def counted_as(value: float) -> tuple[str, int]:
    """The bin of a value, and how many millionths it is."""
    value = within_bounds(value)
    return bin_of(value), round(value * MICRO)


def bin_of(value: float) -> str:
    """The bin in which a value is counted."""
    if value > MAPPING.min_possible:
        return str(MAPPING.key(value))
    if value < -MAPPING.min_possible:
        return f"{NEGATIVE}{MAPPING.key(-value)}"
    return ZERO


@lru_cache(maxsize=16_384)
def value_of(name: str) -> float:
    """The value that stands for all in a bin."""
    if name == ZERO:
        return 0.0
    if name.startswith(NEGATIVE):
        return -MAPPING.value(int(name.removeprefix(NEGATIVE)))
    return MAPPING.value(int(name))


def within_bounds(value: float) -> float:
    """The value, or the largest that counts."""
    return min(max(value, -LARGEST), LARGEST)


def _add(counts: dict[str, int], others: dict[str, int], sign: int) -> bool:
    """Add counts, and drop those that come to nothing; whether any changed."""
    changed = False
    for name, times in others.items():
        if times:
            changed = True
            count = counts.get(name, 0) + times * sign
            if count:
                counts[name] = count
            else:
                del counts[name]
    return changed


def _sum(counts: dict[str, int], others: dict[str, int]) -> None:
    before = counts.get
    for name, times in others.items():
        counts[name] = before(name, 0) + times


def _integer(number: int) -> int | str:
    """JSON readers make floats of larger numbers: those are written as text."""
    return number if -INT64 <= number < INT64 else str(number)
