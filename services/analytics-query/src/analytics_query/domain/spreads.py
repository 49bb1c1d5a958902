"""Distributions that add up: the same sketch in whatever order values are counted, and they can be taken away."""

from array import array
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np
from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import Store
from numpy.typing import NDArray

ACCURACY = 0.01
"""Relative error of a quantile."""
MICRO = 1_000_000
LARGEST, SMALLEST = 1e15, 1e-100
"""Values beyond the one count as it, those nearer to zero than the other as zero: what reports may hold has no bound,
what adds up exactly needs one."""
PlaceT = TypeVar("PlaceT", int, str)
Integers = NDArray[np.integer]
Columns = tuple[Integers, Integers]
"""Bins, ascending, and how often a value of each was seen."""
MAPPING = LogarithmicMapping(ACCURACY)
MIDDLE = 16_384
"""More than the key of any value is below zero, and so little that all bins are numbers of 16 bits."""


class Spread:
    """A distribution, as DDSketch keeps it (Masson, Rim, Lee: VLDB 2019), with an exact sum in millionths.

    `bins` counts values by the logarithm of their size: `MAPPING`'s key and `MIDDLE`, of negative values with a minus;
    zero's bin is 0. Unlike the library's own stores this one is sparse, and can take away.
    """

    __slots__ = ("_bins", "_columns", "_ordered", "count", "micros")

    def __init__(self, count: int = 0, micros: int = 0, bins: dict[int, int] | None = None) -> None:
        self.count, self.micros = count, micros
        self._bins: dict[int, int] | None = {} if bins is None else bins
        self._columns: Columns | None = None
        self._ordered: Ordered | None = None

    @classmethod
    def of_columns(cls, count: int, micros: int, places: Integers, times: Integers) -> "Spread":
        """A distribution by its bins, ascending, and how often a value of each was seen."""
        made = cls(count, micros)
        made._bins, made._columns = None, (places, times)
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spread):
            return NotImplemented
        return (self.count, self.micros, self.bins) == (other.count, other.micros, other.bins)

    def __repr__(self) -> str:
        return f"Spread({self.count}, {self.micros}, {self.bins})"

    @property
    def bins(self) -> dict[int, int]:
        """By bin how often a value of it was seen."""
        bins = self._bins
        if bins is None:
            places, times = self.columns()
            bins = self._bins = dict(zip(places.tolist(), times.tolist(), strict=True))
        return bins

    def copy(self) -> "Spread":
        """One that can be changed without changing this one."""
        made = Spread(self.count, self.micros)
        made._bins = None if self._bins is None else self._bins.copy()
        made._columns = self._columns
        return made

    def columns(self) -> Columns:
        """The bins, ascending, and how often a value of each was seen."""
        if self._columns is None:
            places, times = self.listed()
            self._columns = np.array(places, np.int16), np.array(times, np.int64)
        return self._columns

    def listed(self) -> tuple[list[int], list[int]]:
        """As `columns`, in lists."""
        if self._columns is not None:
            places, times = self._columns
            return places.tolist(), times.tolist()
        bins = self.bins
        places = sorted(bins if all(bins.values()) else filter(bins.get, bins))
        return places, [bins[place] for place in places]

    def add(self, value: float, times: int = 1) -> None:
        """Count a value; a negative `times` takes it away again."""
        self.enter(*counted_as(value), times)

    def enter(self, place: int, micros: int, times: int) -> None:
        """Count a value as `counted_as` gives it."""
        self.count += times
        self.micros += micros * times
        bins = self._bins
        if bins is None:
            bins = self.bins
        bins[place] = bins.get(place, 0) + times
        self._columns = self._ordered = None

    def merge(self, other: "Spread", sign: int = 1) -> None:
        """Add all that another has counted, or with `sign` -1 take it away."""
        self.count += other.count * sign
        self.micros += other.micros * sign
        add_counts(self.bins, other.bins, sign)
        self._columns = self._ordered = None

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
        """The bins in ascending order of their values."""
        if self._ordered is None:
            # Without a line of Python for each bin: most of what a report shows is made of this.
            places, times = self.columns()
            self._ordered = Ordered(places, times, array("q", np.cumsum(times, dtype=np.int64).tobytes()))
        return self._ordered

    def to_sketch(self) -> BaseDDSketch:
        """The library's sketch of it."""
        positive = {place - MIDDLE: times for place, times in self.bins.items() if place > 0}
        negative = {-place - MIDDLE: times for place, times in self.bins.items() if place < 0}
        return BaseDDSketch(MAPPING, SparseStore(positive), SparseStore(negative), self.bins.get(0, 0))


class Ordered(NamedTuple):
    """Bins in ascending order, how often a value of each was seen, and how often one of it or any before it."""

    places: Integers
    times: Integers
    running: "array[int]"
    """Not of numpy: it is looked at number by number."""


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


def counted_as(value: float) -> tuple[int, int]:
    """The bin of a value, and how many millionths it is."""
    value = within_bounds(value)
    return bin_of(value), round(value * MICRO)


def bin_of(value: float) -> int:
    """The bin in which a value is counted; of larger values a larger one."""
    if value >= SMALLEST:
        return MAPPING.key(value) + MIDDLE
    if value <= -SMALLEST:
        return -MAPPING.key(-value) - MIDDLE
    return 0


class Values(dict[int, float]):
    """By bin the value that stands for all in it; made as they are asked for."""

    def __missing__(self, place: int) -> float:
        value = MAPPING.value(abs(place) - MIDDLE) if place else 0.0
        return self.setdefault(place, -value if place < 0 else value)


VALUES = Values()


def within_bounds(value: float) -> float:
    """The value, or the largest that counts."""
    return min(max(value, -LARGEST), LARGEST)


def add_counts(counts: dict[PlaceT, int], others: Mapping[PlaceT, int], sign: int) -> bool:
    """Add counts, and drop those that come to nothing; whether any changed."""
    changed = False
    for place, times in others.items():
        if times:
            changed = True
            count = counts.get(place, 0) + times * sign
            if count:
                counts[place] = count
            else:
                del counts[place]
    return changed


def sum_counts(counts: dict[PlaceT, int], others: Iterable[tuple[PlaceT, int]]) -> None:
    """Add counts, without looking for what comes to nothing."""
    before = counts.get
    for place, times in others:
        counts[place] = before(place, 0) + times
