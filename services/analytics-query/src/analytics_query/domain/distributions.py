"""Distributions side by side in columns: reports add them up without a line of Python for each bin."""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, chain, compress, pairwise

import numpy as np

from analytics_query.domain.spreads import Integers, Spread

PLACES, LEAST = 2**16, 2**15
"""How many bins there can be, and how far below zero."""
MOST_BITS = 63
"""Of a number with a sign."""
MOST_LAYOUTS = 2_000
"""So many are known at a time."""

Totals = dict[str, tuple[int, int]]
"""By metric how many values there were, and their sum in millionths."""


class Layout:
    """Which metrics distributions are of, in their order. Equal layouts are one object: see `layout_of`."""

    __slots__ = ("names", "numbers")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.numbers = {name: number for number, name in enumerate(names)}


class Distributions(Mapping[str, Spread]):
    """Distributions by metric, not to be changed.

    `counts`, `micros` (sums in millionths) and `many` (numbers of bins) have an item for each metric of the layout;
    `places` and `times` have the bins of all, one distribution after the other, ascending in each.
    """

    __slots__ = ("_found", "_starts", "counts", "layout", "many", "micros", "places", "times")

    def __init__(
        self,
        layout: Layout,
        counts: Sequence[int],
        micros: Sequence[int],
        many: Sequence[int],
        places: Integers,
        times: Integers,
    ) -> None:
        self.layout, self.counts, self.micros, self.many = layout, counts, micros, many
        self.places, self.times = places, times
        self._found: dict[str, Spread] = {}
        self._starts: list[int] | None = None

    @classmethod
    def of(cls, spreads: Mapping[str, Spread]) -> "Distributions":
        """These distributions in columns."""
        if isinstance(spreads, cls):
            return spreads
        places: list[int] = []
        times: list[int] = []
        many: list[int] = []
        for one in spreads.values():
            own, seen = one.listed()
            places += own
            times += seen
            many.append(len(own))
        counts, micros = ([getattr(one, name) for one in spreads.values()] for name in ("count", "micros"))
        layout = layout_of(tuple(spreads))
        return cls(layout, counts, micros, many, np.array(places, np.int16), np.array(times, np.int64))

    def __getitem__(self, name: str) -> Spread:
        found = self._found.get(name)
        if found is None:
            number = self.layout.numbers[name]
            if self._starts is None:
                self._starts = list(accumulate(self.many, initial=0))
            bins = slice(self._starts[number], self._starts[number + 1])
            found = Spread.of_columns(self.counts[number], self.micros[number], self.places[bins], self.times[bins])
            self._found[name] = found
        return found

    def __contains__(self, name: object) -> bool:
        return name in self.layout.numbers

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.names)

    def __len__(self) -> int:
        return len(self.layout.names)

    def but(self, without: Collection[str]) -> "Distributions":
        """All but some."""
        held = [name not in without for name in self]
        if all(held):
            return self
        bins = np.repeat(held, self.many)
        return Distributions(
            layout_of(tuple(compress(self, held))),
            list(compress(self.counts, held)),
            list(compress(self.micros, held)),
            list(compress(self.many, held)),
            self.places[bins],
            self.times[bins],
        )

    def negative(self) -> "Distributions":
        """What takes these away when it is added."""
        counts, micros = ([-number for number in column] for column in (self.counts, self.micros))
        return Distributions(self.layout, counts, micros, self.many, self.places, -self.times.astype(np.int64))


@lru_cache(maxsize=MOST_LAYOUTS)
def layout_of(names: tuple[str, ...]) -> Layout:
    """The layout of these metrics: most roll-ups share few, and so are soon compared."""
    return Layout(tuple(map(sys.intern, names)))


NOTHING = np.empty(0, np.int64)
EMPTY = Distributions(layout_of(()), (), (), (), NOTHING, NOTHING)


def add_up(groups: Iterable[Sequence[Distributions]]) -> list[Distributions]:
    """What those of each group hold together: all groups at once, since numpy takes as long over few as over many."""
    held = [[one for one in group if one] for group in groups]
    long = [group for group in held if len(group) > 1]
    sums = iter(_sums(long) if long else ())
    return [next(sums) if len(group) > 1 else group[0] if group else EMPTY for group in held]


def _sums(groups: Sequence[Sequence[Distributions]]) -> Iterator[Distributions]:
    totals = [_totals(group) for group in groups]
    numbers = {name: number for number, name in enumerate(sorted(set().union(*totals)))}
    layouts = [layout_of(tuple(sorted(some))) for some in totals]
    wanted = [group * len(numbers) + numbers[name] for group, one in enumerate(layouts) for name in one.names]
    keys, times = _summed(groups, numbers)
    places = ((keys & (PLACES - 1)) - LEAST).astype(np.int16)
    starts = [*np.searchsorted(keys, np.array(wanted, np.int64) * PLACES).tolist(), len(keys)]
    at = 0
    for layout, some in zip(layouts, totals, strict=True):
        ends = starts[at : at + len(layout.names) + 1]
        at += len(layout.names)
        bins = slice(ends[0], ends[-1])
        counts, micros = zip(*map(some.__getitem__, layout.names), strict=True)
        many = tuple([until - since for since, until in pairwise(ends)])
        yield Distributions(layout, counts, micros, many, places[bins].copy(), times[bins].copy())


def _totals(group: Sequence[Distributions]) -> Totals:
    # Most of a group have the same metrics: their numbers are added up without a line of Python for each.
    alike: dict[Layout, list[Distributions]] = {}
    for one in group:
        alike.setdefault(one.layout, []).append(one)
    totals: Totals = {}
    for layout, some in alike.items():
        counts = map(sum, zip(*[one.counts for one in some], strict=True))
        micros = map(sum, zip(*[one.micros for one in some], strict=True))
        for name, count, total in zip(layout.names, counts, micros, strict=True):
            known = totals.get(name)
            totals[name] = (count, total) if known is None else (known[0] + count, known[1] + total)
    return totals


def _summed(groups: Sequence[Sequence[Distributions]], numbers: Mapping[str, int]) -> tuple[Integers, Integers]:
    """By key (group, metric, bin), ascending, how often a value of the bin was seen."""
    every = list(chain.from_iterable(groups))
    own = {layout: np.array([numbers[name] for name in layout.names]) for layout in {one.layout for one in every}}
    metrics = [own[one.layout] for one in every]
    group = np.repeat(np.arange(len(groups)) * len(numbers), [sum(map(len, some)) for some in groups])
    many = np.fromiter(chain.from_iterable(one.many for one in every), np.int64)
    keys = np.repeat((group + np.concatenate(metrics)) * PLACES + LEAST, many)
    keys += np.concatenate([one.places for one in every])
    keys, times = _sorted(keys, np.concatenate([NOTHING, *(one.times for one in every)]))
    lasts = np.flatnonzero(np.append(keys[1:] != keys[:-1], True)) if len(keys) else NOTHING
    # What is seen up to the last of each key, less what is seen before: several times as fast as sums of slices.
    keys, times = keys[lasts], np.diff(np.cumsum(times)[lasts], prepend=0)
    seen = times != 0
    return (keys, times) if seen.all() else (keys[seen], times[seen])


def _sorted(keys: Integers, times: Integers) -> tuple[Integers, Integers]:
    """Keys, ascending, with their times; both arrays are used up."""
    # numpy sorts numbers several times as fast as it says how they would be sorted.
    least = int(times.min(initial=0))
    bits = (int(times.max(initial=0)) - least).bit_length()
    if int(keys.max(initial=0)).bit_length() + bits > MOST_BITS:
        order = np.argsort(keys, kind="stable")
        return keys[order], times[order]
    # In place: most of the time for arrays of this size is that of memory that is fresh from the system.
    times -= least
    keys <<= bits
    keys += times
    keys.sort()
    np.bitwise_and(keys, (1 << bits) - 1, out=times)
    times += least
    keys >>= bits
    return keys, times
