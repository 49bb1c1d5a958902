"""Distributions as they are stored: packed, since they are most of what reports read.

A header in JSON (how wide times are, then metrics, counts, sums in millionths and numbers of bins), a line feed, the
bins of all distributions one after the other (16 bits each, little-endian), and how often a value of each was seen.
"""

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from analytics_query.domain.rollups import integer_json
from analytics_query.domain.spreads import MIDDLE, Spread

WIDTHS = {"B": range(256), "i": range(-(2**31), 2**31), "q": range(-(2**63), 2**63)}
"""Formats of `struct`, with what they can hold."""


class Packed(NamedTuple):
    """One distribution, as it was stored."""

    metric: str
    seen: int
    micros: int
    bins: Iterable[tuple[int, int]]
    """Bins, each with how often a value of it was seen; to be read once."""


class Header(NamedTuple):
    """What stands before the bins: how they are to be read."""

    end: int
    """Where they begin."""
    width: str
    """The format of times."""
    metrics: Sequence[str]
    counts: Sequence[int]
    micros: Sequence[int]
    many: Sequence[int]
    """How many bins each distribution has."""


def pack(spreads: Mapping[str, Spread]) -> bytes:
    """Distributions by metric, in one way alone: equal distributions are equal bytes."""
    if not spreads:
        return b""
    ordered = sorted(spreads.items())
    bins = [pair for _, spread in ordered for pair in sorted(spread.bins.items())]
    times = [seen for _, seen in bins]
    width = next(
        name for name, fits in WIDTHS.items() if min(times, default=0) in fits and max(times, default=0) in fits
    )
    columns = zip(*((name, one.count, integer_json(one.micros), len(one.bins)) for name, one in ordered), strict=True)
    body = struct.pack(f"<{len(bins)}h{len(bins)}{width}", *(place for place, _ in bins), *times)
    return orjson.dumps([width, *columns]) + b"\n" + body


def unpack(packed: bytes, without: Collection[str] = ()) -> Iterator[Packed]:
    """What `pack` wrote, but these metrics."""
    if not packed:
        return
    header = header_of(packed)
    total, at = sum(header.many), 0
    numbers = struct.unpack_from(f"<{total}h{total}{header.width}", packed, header.end)
    for metric, count, micros, many in zip(*header[2:], strict=True):
        if metric not in without:
            bins = zip(numbers[at : at + many], numbers[total + at : total + at + many], strict=True)
            yield Packed(metric, count, micros, bins)
        at += many


def header_of(packed: bytes) -> Header:
    """What stands before the bins."""
    end = packed.index(b"\n")
    width, metrics, counts, micros, many = orjson.loads(packed[:end])
    if str in map(type, micros):
        micros = [int(one) for one in micros]
    return Header(end + 1, width, metrics, counts, micros, many)


def of_json(spreads: Mapping[str, Any], without: Collection[str] = ()) -> Iterator[Packed]:
    """What versions before schema 0006 wrote into a column of its own: by metric count, sum and bins by name."""
    for metric, (count, micros, bins) in spreads.items():
        if metric not in without:
            yield Packed(metric, count, int(micros), ((_place(name), times) for name, times in bins.items()))


def _place(name: str) -> int:
    if name == "0!":
        return 0
    return -(int(name.removeprefix("-!")) + MIDDLE) if name.startswith("-!") else int(name) + MIDDLE
