"""Bars and sparklines of block characters, which any client can show."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

CELLS = 10
SPARKS = 48

_FULL, _EMPTY = "█", "░"
_LEVELS = "▁▂▃▄▅▆▇█"
_FLAT = _LEVELS[3]
_GAP = " "


def bar(share: float, cells: int = CELLS) -> str:
    """A share from 0 to 1 as a bar; what is more is shown as 1. Only nothing at all is empty, only all is full."""
    share = min(max(share, 0.0), 1.0)
    full = round(share * cells)
    if 0 < share < 1:
        full = min(max(full, 1), cells - 1)
    return _FULL * full + _EMPTY * (cells - full)


def sparkline(values: Sequence[float | None], cells: int = SPARKS) -> str:
    """A line that goes from the lowest value to the highest; a gap where there is none. Neighbours of a long row share
    a cell, as their mean."""
    shown = _fitted(values, cells)
    known = [value for value in shown if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    return "".join(_spark(value, low, high) for value in shown)


def _spark(value: float | None, low: float, high: float) -> str:
    if value is None:
        return _GAP
    if high == low:
        return _FLAT
    return _LEVELS[min(int((value - low) / (high - low) * len(_LEVELS)), len(_LEVELS) - 1)]


def _fitted(values: Sequence[float | None], cells: int) -> list[float | None]:
    if len(values) <= cells:
        return list(values)
    borders = [len(values) * cell // cells for cell in range(cells + 1)]
    return [_mean(values[start:end]) for start, end in pairwise(borders)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
