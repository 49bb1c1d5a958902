"""Distributions as they are stored: packed, since they are most of what reports read.

A header in JSON (how wide times are, then metrics, counts, sums in millionths and numbers of bins), a line feed, the
bins of all distributions one after the other (16 bits each, little-endian), and how often a value of each was seen.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from analytics_query.domain.distributions import EMPTY, MOST_LAYOUTS, Distributions, Layout, layout_of
from analytics_query.domain.rollups import integer_json
from analytics_query.domain.spreads import MIDDLE, Integers, Spread

PLACE = np.dtype("<i2")
WIDTHS = {"B": np.dtype("u1"), "i": np.dtype("<i4"), "q": np.dtype("<i8")}
"""How times are written, the narrowest first."""
NAMES_END = b'"],['


def pack(spreads: Mapping[str, Spread]) -> bytes:
    """Distributions by metric, in one way alone: equal distributions are equal bytes."""
    if not spreads:
        return b""
    held = Distributions.of(dict(sorted(spreads.items())))
    width = _width_of(held.times)
    header = [width, held.layout.names, held.counts, [integer_json(micros) for micros in held.micros], held.many]
    bins = held.places.astype(PLACE).tobytes() + held.times.astype(WIDTHS[width]).tobytes()
    return orjson.dumps(header) + b"\n" + bins


def unpack(packed: bytes) -> Distributions:
    """What `pack` wrote."""
    if not packed:
        return EMPTY
    end, at = packed.index(b"\n"), packed.index(NAMES_END)
    while (read := _layout_of(packed[: at + 2])) is None:
        at = packed.index(NAMES_END, at + 1)
    width, layout = read
    counts, micros, many = orjson.loads(b"[" + packed[at + 3 : end])
    if str in map(type, micros):
        micros = [int(one) for one in micros]
    total = sum(many)
    places = np.frombuffer(packed, PLACE, total, end + 1)
    times = np.frombuffer(packed, width, total, end + 1 + places.nbytes)
    return Distributions(layout, counts, micros, many, places, times)


@lru_cache(maxsize=MOST_LAYOUTS)
def _layout_of(written: bytes) -> tuple[np.dtype[Any], Layout] | None:
    """What the beginning of a header says, which is the same for many; None if it ends within a name."""
    try:
        width, names = orjson.loads(written + b"]")
    except orjson.JSONDecodeError:
        return None
    return WIDTHS[width], layout_of(tuple(names))


def of_json(spreads: Mapping[str, Any]) -> dict[str, Spread]:
    """What versions before schema 0006 wrote into a column of its own: by metric count, sum and bins by name."""
    return {
        metric: Spread(count, int(micros), {_place(name): times for name, times in bins.items()})
        for metric, (count, micros, bins) in spreads.items()
    }


def _width_of(times: Integers) -> str:
    if not len(times):
        return next(iter(WIDTHS))
    least, most = times.min(), times.max()
    return next(name for name, kind in WIDTHS.items() if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max)


def _place(name: str) -> int:
    if name == "0!":
        return 0
    return -(int(name.removeprefix("-!")) + MIDDLE) if name.startswith("-!") else int(name) + MIDDLE
