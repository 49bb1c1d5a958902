"""Where figures are entered: by entity and time, and summed up into roll-ups of every resolution."""

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

from analytics_query.domain.records import Record
from analytics_query.domain.retention import Kept
from analytics_query.domain.rollups import Figures, Key, Last
from analytics_query.domain.spreads import Spread, counted_as, within_bounds
from analytics_query.domain.vocabulary import RESOLUTIONS, WIDTH, Dimension, Entity, Resolution

WIDTH_S = {resolution: int(width.total_seconds()) for resolution, width in WIDTH.items()}
STEPS = tuple(pairwise(Resolution))
ALL_KEPT = Kept()

Group = tuple[tuple[Entity, ...], int, int]
"""Entities that something counts for, the bucket (s since 1970) and its width (s)."""


class Ledger:
    """Entries by group of entities. With `sign` -1 what is entered is taken away: corrections are entries too.

    Most corrections take away what is entered again at once, so they cancel out here, once for the whole group, before
    anything is summed up for each entity. What is too old to be `kept` as finely is not told apart.
    """

    def __init__(self, kept: Kept = ALL_KEPT) -> None:
        self.sign = 1
        self.records: list[Record] = []
        self._groups: dict[Group, Figures] = {}
        self._found: tuple[Iterable[Entity], datetime, Figures] | None = None
        self._kept = kept
        # Looked at for each entry, and so without a call.
        self._kept_s = [(WIDTH_S[resolution], kept.since_s(resolution)) for resolution in Resolution]

    def record(self, record: Record) -> None:
        """Add a row to one of the tables of single things, once and for good: of direct entries alone."""
        self.records.append(record)

    def count(self, entities: Iterable[Entity], at: datetime, metric: str, times: int = 1) -> None:
        """Add to a count."""
        if times:
            counts = self._at(entities, at).counts
            counts[metric] = counts.get(metric, 0) + times * self.sign

    def spread(self, entities: Iterable[Entity], at: datetime, metric: str, value: float) -> None:
        """Add a value to a distribution."""
        spreads = self._at(entities, at).changeable()
        spread = spreads.get(metric)
        if spread is None:
            spread = spreads[metric] = Spread()
        spread.enter(*counted_as(value), self.sign)

    def last(self, entities: Iterable[Entity], at: datetime, metric: str, value: float, source: str) -> None:
        """Set the newest value, by `at` and `source`.

        It cannot be taken away, only replaced by what the same source says later. So both must never change: for a
        figure of an attempt they are its assignment (`folding.groups.standing`), for a direct one the event's own.
        """
        if self.sign > 0:
            newest = Last(round(at.timestamp() * 1_000_000), source, within_bounds(value))
            lasts = self._at(entities, at).lasts
            lasts[metric] = lasts.get(metric, newest).or_newer(newest)

    def rollups(self) -> dict[Key, Figures]:
        """What to add to each roll-up, at every resolution that is kept of its dimension; no nothings."""
        summed: dict[Resolution, dict[Key, Figures]] = {resolution: {} for resolution in Resolution}
        for (entities, bucket_s, width_s), figures in self._groups.items():
            if figures.is_nothing:
                continue
            rest = Figures()
            rest.merge(figures)
            for dimension, entity in entities:
                key = _finest(dimension, entity, bucket_s, width_s)
                _sum(summed[key.resolution], key, rest)
        for finer, coarser in STEPS:
            for (dimension, entity, _, bucket_s), figures in summed[finer].items():
                key = Key(dimension, entity, coarser, bucket_s - bucket_s % WIDTH_S[coarser])
                _sum(summed[coarser], key, figures)
        return {
            key: figures
            for rollups in summed.values()
            for key, figures in rollups.items()
            if self._kept.has(key.resolution, key.bucket_s)
        }

    def total(self, dimension: Dimension, entity: str) -> Figures:
        """All that is entered of an entity: what its roll-ups of any one resolution come to, without making them."""
        together = Figures()
        for (entities, _, _), figures in self._groups.items():
            for _ in range(entities.count((dimension, entity))):
                together.merge(figures)
        return together

    def _at(self, entities: Iterable[Entity], at: datetime) -> Figures:
        # One after the other come many figures of the same entities and time.
        if self._found is not None and self._found[0] is entities and self._found[1] is at:
            return self._found[2]
        at_s = int(at.timestamp())
        width_s = next(width_s for width_s, since_s in self._kept_s if at_s - at_s % width_s >= since_s)
        group = (tuple(entities), at_s - at_s % width_s, width_s)
        figures = self._groups.get(group)
        if figures is None:
            figures = self._groups[group] = Figures()
        self._found = entities, at, figures
        return figures


def _finest(dimension: Dimension, entity: str, bucket_s: int, width_s: int) -> Key:
    """The finest roll-up of an entity into which a whole bucket falls."""
    for resolution in RESOLUTIONS[dimension]:
        if WIDTH_S[resolution] >= width_s:
            return Key(dimension, entity, resolution, bucket_s - bucket_s % WIDTH_S[resolution])
    raise AssertionError("every dimension has roll-ups of a day")


def _sum(rollups: dict[Key, Figures], key: Key, figures: Figures) -> None:
    known = rollups.get(key)
    if known is None:
        known = rollups[key] = Figures()
    known.merge(figures)
