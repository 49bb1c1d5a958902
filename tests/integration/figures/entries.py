"""Single values with their time, what they count for and how sure they are; and how a figure is made of them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import NamedTuple

import numpy as np

from tests.integration.figures.world import Scope, World

LEVELS = ("verified", "observed", "reported")
EXACT, BINNED = 1e-5, 0.0105
"""Relative accuracy: figures are told with six digits, those of distributions are within 1 %."""
HOUR_MS = 3_600_000


class Window(NamedTuple):
    """A stretch of time, in ms since 1970; its end is not in it."""

    since: float
    until: float

    @property
    def hours(self) -> float:
        """How long it is."""
        return (self.until - self.since) / HOUR_MS


EVER = Window(-inf, inf)


class Entry(NamedTuple):
    """A value, when it counts and for whom. `evidence`: None where it is not kept by evidence."""

    at: int
    groups: frozenset[Scope]
    value: float
    evidence: str | None = None
    source: str = ""
    """Of values of one time the one with the largest source is the newest."""


Metric = Callable[[World], Iterable[Entry]]


@dataclass(frozen=True)
class Expected:
    """What a figure must be. `least`, `most`: where bins of a distribution leave it open."""

    value: float | None
    samples: int | None = None
    evidence: str | None = None
    accuracy: float = EXACT
    least: float | None = None
    most: float | None = None


Figure = Callable[[World, Scope, Window, str | None], Expected]
"""`evidence`: that level alone."""
NOTHING = Expected(None, 0)


@cache
def _by_scope(world: World, metric: Metric) -> dict[Scope, list[Entry]]:
    found: defaultdict[Scope, list[Entry]] = defaultdict(list)
    for entry in metric(world):
        for scope in entry.groups:
            found[scope].append(entry)
    return {scope: sorted(entries, key=lambda one: (one.at, one.source)) for scope, entries in found.items()}


def entries(world: World, metric: Metric, scope: Scope, window: Window) -> list[Entry]:
    """The values of a scope in a window, by time."""
    known = _by_scope(world, metric).get(scope, [])
    first, last = (bisect_left(known, end, key=lambda one: one.at) for end in window)
    return known[first:last]


def values(found: Iterable[Entry], level: str | None) -> list[float]:
    """Those of a level; of what is not kept by evidence all."""
    return [one.value for one in found if one.evidence in (None, level)]


def best(found: Sequence[Entry], level: str | None, *, counted: bool = False) -> str | None:
    """The level that is told: the best that has any value; of counts, any that is not zero."""
    if level is not None or not any(one.evidence for one in found):
        return level if any(one.evidence for one in found) else None
    had = [name for name in LEVELS if any(one.evidence == name and (one.value or not counted) for one in found)]
    return had[0] if had else None


def _of(world: World, metrics: Sequence[Metric], scope: Scope, window: Window) -> list[Entry]:
    return [entry for metric in metrics for entry in entries(world, metric, scope, window)]


def total(*metrics: Metric, scale: float = 1.0, of: Metric | None = None, samples: Metric | None = None) -> Figure:
    """A sum; at the level of `of`, and nothing where that is nothing; `samples` has one value for each observation."""

    def figure(world: World, scope: Scope, window: Window, evidence: str | None) -> Expected:
        found = _of(world, metrics, scope, window)
        base = entries(world, of, scope, window) if of else found
        level = best(base, evidence, counted=True)
        count = sum(values(found, level))
        many = sum(values(base, level))
        if not many:
            return NOTHING
        seen = len(values(entries(world, samples, scope, window), level)) if samples else round(many)
        return Expected(count * scale, seen, level)

    return figure


def share(hits: Sequence[Metric], of: Sequence[Metric]) -> Figure:
    """A share in percent; not more than all."""

    def figure(world: World, scope: Scope, window: Window, evidence: str | None) -> Expected:
        whole = _of(world, of, scope, window)
        level = best(whole, evidence, counted=True)
        count = round(sum(values(whole, level)))
        if not count:
            return NOTHING
        had = min(sum(values(_of(world, hits, scope, window), level)), count)
        return Expected(100 * had / count, count, level)

    return figure


def rate(*metrics: Metric, per_s: bool = False) -> Figure:
    """How many an hour, or a second."""

    def figure(world: World, scope: Scope, window: Window, _evidence: str | None) -> Expected:
        many = sum(one.value for one in _of(world, metrics, scope, window))
        return Expected(many / window.hours / (3_600 if per_s else 1), round(many))

    return figure


def per(metric: Sequence[Metric], of: Metric, scale: float = 1.0) -> Figure:
    """A sum for each of something."""

    def figure(world: World, scope: Scope, window: Window, evidence: str | None) -> Expected:
        found = _of(world, metric, scope, window)
        many = round(sum(values(entries(world, of, scope, window), None)))
        level = best(found, evidence, counted=True)
        if not many or (level is None and any(one.evidence for one in found)):
            return NOTHING
        return Expected(sum(values(found, level)) / many * scale, many, level)

    return figure


def mean(metric: Metric) -> Figure:
    """The mean of all values."""

    def figure(world: World, scope: Scope, window: Window, evidence: str | None) -> Expected:
        found = entries(world, metric, scope, window)
        level = best(found, evidence)
        told = values(found, level)
        return Expected(float(np.mean(told)), len(told), level) if told else NOTHING

    return figure


def quantile(metric: Metric, q: float) -> Figure:
    """The value at a quantile: of two neighbours the lower."""

    def figure(world: World, scope: Scope, window: Window, evidence: str | None) -> Expected:
        found = entries(world, metric, scope, window)
        level = best(found, evidence)
        told = values(found, level)
        if not told:
            return NOTHING
        return Expected(float(np.quantile(told, q, method="lower")), len(told), level, BINNED)

    return figure


def newest(metric: Metric) -> Figure:
    """The newest value."""

    def figure(world: World, scope: Scope, window: Window, evidence: str | None) -> Expected:
        found = entries(world, metric, scope, window)
        level = best(found, evidence)
        told = [one for one in found if one.evidence in (None, level)]
        return Expected(told[-1].value, 1, level) if told else NOTHING

    return figure


def ratio(part: Metric, whole: Metric, samples: Metric) -> Figure:
    """A part of an amount, in percent."""

    def figure(world: World, scope: Scope, window: Window, evidence: str | None) -> Expected:
        amounts = entries(world, whole, scope, window)
        level = best(amounts, evidence, counted=True)
        amount = sum(values(amounts, level))
        if amount <= 0:
            return NOTHING
        many = len(values(entries(world, samples, scope, window), level))
        return Expected(100 * sum(values(entries(world, part, scope, window), level)) / amount, many, level)

    return figure
