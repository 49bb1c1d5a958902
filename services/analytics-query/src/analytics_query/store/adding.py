"""Sums of packed distributions: one by one, most of what a long report costs would be adding up their bins."""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics_query.domain.rollups import Figures
from analytics_query.domain.spreads import Spread
from analytics_query.store.sketches import Header, header_of, unpack

FEW = 3
"""So many are added up as fast one by one."""
PLACES, LEAST = 2**16, 2**15
"""How many bins there can be, and how far below zero."""

Integers = NDArray[np.int64]


class Summed(NamedTuple):
    """Bins of all distributions, one after the other."""

    places: Integers
    times: Integers
    starts: Integers
    """Where those of each distribution begin, and the end."""


def add_up(packed: Sequence[bytes], without: Collection[str] = ()) -> dict[str, Spread]:
    """By metric what several hold together, but of these metrics."""
    held = [one for one in packed if one]
    if len(held) <= FEW:
        return _one_by_one(held, without)
    headers = [header_of(one) for one in held]
    totals, which = _totals(headers)
    places, times, starts = (column.tolist() for column in _summed(held, headers, which, len(totals)))
    return {
        metric: Spread(count, micros, dict(zip(places[since:until], times[since:until], strict=True)))
        for (metric, (count, micros)), (since, until) in zip(totals.items(), pairwise(starts), strict=True)
        if metric not in without
    }


def _one_by_one(held: Sequence[bytes], without: Collection[str]) -> dict[str, Spread]:
    together = Figures()
    for packed in held:
        for one in unpack(packed, without):
            together.absorb_spread(*one)
    return together.spreads


def _totals(headers: Sequence[Header]) -> tuple[dict[str, tuple[int, int]], list[int]]:
    """By metric count and sum (millionths) together, and which of the metrics each distribution is of."""
    numbers: dict[str, int] = {}
    counts: list[int] = []
    sums: list[int] = []
    which: list[int] = []
    for header in headers:
        for metric, count, micros in zip(header.metrics, header.counts, header.micros, strict=True):
            number = numbers.get(metric)
            if number is None:
                number = numbers[metric] = len(counts)
                counts.append(0)
                sums.append(0)
            counts[number] += count
            sums[number] += micros
            which.append(number)
    return dict(zip(numbers, zip(counts, sums, strict=True), strict=True)), which


def _summed(held: Sequence[bytes], headers: Sequence[Header], which: Sequence[int], metrics: int) -> Summed:
    many = [number for header in headers for number in header.many]
    places, times = _bins(held, headers)
    keys = np.repeat(np.array(which, np.int64) * PLACES + LEAST, many) + places
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    summed = np.add.reduceat(times[order], firsts) if len(firsts) else times
    keys = keys[firsts]
    return Summed(keys % PLACES - LEAST, summed, np.searchsorted(keys, np.arange(metrics + 1) * PLACES))


def _bins(held: Sequence[bytes], headers: Sequence[Header]) -> tuple[Integers, Integers]:
    places, times = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for one, header in zip(held, headers, strict=True):
        total = sum(header.many)
        places.append(np.frombuffer(one, "<i2", total, header.end))
        times.append(np.frombuffer(one, np.dtype(header.width).newbyteorder("<"), total, header.end + 2 * total))
    return np.concatenate(places), np.concatenate(times)
