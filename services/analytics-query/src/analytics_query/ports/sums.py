"""Roll-ups, summed up for reports."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from analytics_query.domain.rollups import Figures, Rollup
from analytics_query.domain.vocabulary import Dimension, Entity, Resolution


class Stretched(NamedTuple):
    """Roll-ups to sum up: those of some entities over a stretch of time, under a name of the asker's."""

    label: str
    dimension: Dimension
    entities: Sequence[str]
    since: datetime
    until: datetime
    finest: Resolution
    without: Sequence[str] = ()
    """What is not needed: distributions by name or all as `SPREADS`, newest values as `LASTS`. They are most of it."""


class Busiest(NamedTuple):
    """Which entities of a dimension have most of something in a stretch of time, by whole buckets of `finest`."""

    dimension: Dimension
    metric: str
    """A count."""
    since: datetime
    until: datetime
    finest: Resolution
    limit: int


class Leading(NamedTuple):
    """The busiest entities of a dimension, those with most first."""

    entities: Sequence[str]
    many: int
    """How many there are in all."""


class Sums(Protocol):
    """Roll-ups, summed up for reports: each question is one statement, however much it asks for.

    `position`: where the projections were before. What was found true at the same position is not looked at again.
    """

    async def totals(self, asked: Sequence[Stretched], position: int | None = None) -> dict[str, dict[Entity, Figures]]:
        """By label, the sums of each entity that has any roll-up. They must not be changed."""
        ...

    async def series(self, asked: Stretched, position: int | None = None) -> list[Rollup]:
        """The roll-ups of resolution `finest` whose buckets touch the time, in order of time. Not to be changed."""
        ...

    async def busiest(self, asked: Sequence[Busiest], position: int | None = None) -> dict[Dimension, Leading]:
        """By dimension, the busiest entities; nothing of a dimension without any."""
        ...
