"""Sums of packed distributions: one by one, most of what a long report costs would be adding up their bins."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics_query.store.sketches import Header, Packed, header_of, unpack

FEW = 3
"""So many are added up as fast one by one."""
PLACES, LEAST = 2**16, 2**15
"""How many bins there can be, and how far below zero."""

Integers = NDArray[np.int64]


class Totals(NamedTuple):
    """Distributions without their bins, side by side."""

    metrics: dict[str, int]
    """Where each is."""
    counts: list[int]
    micros: list[int]


class Summed(NamedTuple):
    """Bins of all distributions, one after the other."""

    places: Integers
    times: Integers
    starts: Integers
    """Where those of each distribution begin, and the end."""


def add_up(packed: Sequence[bytes], without: Collection[str] = ()) -> Iterator[Packed]:
    """What several hold, but these metrics; a metric comes as often as one cares to add it."""
    if len(packed) <= FEW:
        for one in packed:
            yield from unpack(one, without)
        return
    held = [one for one in packed if one]
    headers = [header_of(one) for one in held]
    totals = _totals(headers)
    summed = _summed(held, headers, totals.metrics)
    places, times, starts = (column.tolist() for column in summed)
    for metric, place in totals.metrics.items():
        if metric not in without:
            own = slice(starts[place], starts[place + 1])
            yield Packed(metric, totals.counts[place], totals.micros[place], zip(places[own], times[own], strict=True))


def _totals(headers: Sequence[Header]) -> Totals:
    metrics: dict[str, int] = {}
    counts: list[int] = []
    micros: list[int] = []
    for header in headers:
        for metric, count, sum_micros in zip(header.metrics, header.counts, header.micros, strict=True):
            place = metrics.setdefault(metric, len(counts))
            if place == len(counts):
                counts.append(0)
                micros.append(0)
            counts[place] += count
            micros[place] += int(sum_micros)
    return Totals(metrics, counts, micros)


def _summed(held: Sequence[bytes], headers: Sequence[Header], metrics: Mapping[str, int]) -> Summed:
    which = np.array([metrics[metric] for header in headers for metric in header.metrics], np.int64)
    many = [number for header in headers for number in header.many]
    places, times = _bins(held, headers)
    keys = np.repeat(which * PLACES + LEAST, many) + places
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    summed = np.add.reduceat(times[order], firsts) if len(firsts) else times
    keys = keys[firsts]
    starts = np.searchsorted(keys, np.arange(len(metrics) + 1) * PLACES)
    return Summed(keys % PLACES - LEAST, summed, starts)


def _bins(held: Sequence[bytes], headers: Sequence[Header]) -> tuple[Integers, Integers]:
    places, times = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for one, header in zip(held, headers, strict=True):
        total = sum(header.many)
        places.append(np.frombuffer(one, "<i2", total, header.end))
        times.append(np.frombuffer(one, np.dtype(header.width).newbyteorder("<"), total, header.end + 2 * total))
    return np.concatenate(places), np.concatenate(times)
