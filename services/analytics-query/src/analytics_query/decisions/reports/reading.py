"""What the handlers have read for a report, and what they are asked to read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from analytics_query.decisions.reports.definitions import Two
from analytics_query.decisions.time_ranges import TimeRange
from analytics_query.domain.rollups import Figures, Rollup
from analytics_query.domain.vocabulary import RESOLUTIONS, SYSTEM, Dimension, Entity


class Span(StrEnum):
    """Which stretch of time is read."""

    now = "now"
    """The one that was asked for, summed up."""
    before = "before"
    """The same length before it, summed up: the baseline of figures."""
    history = "history"
    """All that later findings are compared with: the same length before it, and seven days at least, summed up."""
    series = "series"
    """The one that was asked for, bucket by bucket."""


class Reads(NamedTuple):
    """How much of roll-ups is read, beside their counts: most of them is distributions and newest values."""

    spreads: frozenset[str] | None = None
    """The distributions; None: all."""
    lasts: bool = True
    """Whether newest values are read."""

    def with_those_of(self, other: "Reads") -> "Reads":
        """What either of two reads."""
        spreads = None if self.spreads is None or other.spreads is None else self.spreads | other.spreads
        return Reads(spreads, self.lasts or other.lasts)


class Need(NamedTuple):
    """Roll-ups that a report needs."""

    span: Span
    dimension: Dimension
    entities: tuple[str, ...] | None = None
    """None: the busiest ones."""
    reads: Reads = Reads()
    """What of them."""
    most: int = 0
    """How many of the busiest at least, where more are listed than are usually read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read for a report."""

    period: TimeRange
    now: datetime
    spans: Mapping[Span, Mapping[Entity, Figures]]
    series: Mapping[Entity, list[Rollup]] = field(default_factory=dict[Entity, list[Rollup]])
    many: Mapping[Dimension, int] = field(default_factory=dict[Dimension, int])
    """How many entities there are in all, where the busiest were read."""

    def two(self, dimension: Dimension, entity: str) -> Two:
        """The figures of an entity with those of the time before; empty where nothing is known."""
        # Of what is not kept by the minute whole hours were read, and what was before ends where they begin.
        finest = RESOLUTIONS[dimension][0]
        period = self.period.outward(finest)
        before = replace(self.period.before.outward(finest), until=period.since)
        return Two(
            self.at(Span.now, dimension, entity),
            self.at(Span.before, dimension, entity),
            period.hours(self.now),
            before.hours(self.now),
        )

    @property
    def system(self) -> Two:
        """The figures of the whole."""
        return self.two(Dimension.system, SYSTEM)

    def at(self, span: Span, dimension: Dimension, entity: str) -> Figures:
        """The figures of an entity over a span."""
        return self.spans.get(span, {}).get((dimension, entity), Figures())

    def entities(self, dimension: Dimension, span: Span = Span.now) -> list[str]:
        """Which entities of a dimension were read, by name."""
        return sorted(entity for kind, entity in self.spans.get(span, {}) if kind is dimension)
