"""Where figures are entered: by entity and time, at the finest resolution, and summed up into the coarser ones."""

from collections.abc import Iterable
from datetime import datetime

from analytics_query.domain.records import Record
from analytics_query.domain.rollups import Figures, Key, Last, Spread, counted_as, within_bounds
from analytics_query.domain.vocabulary import RESOLUTIONS, WIDTH, Dimension, Entity

WIDTH_S = {resolution: int(width.total_seconds()) for resolution, width in WIDTH.items()}
FINEST_S = {dimension: WIDTH_S[resolutions[0]] for dimension, resolutions in RESOLUTIONS.items()}

Place = tuple[Dimension, str, int]


class Ledger:
    """Entries by roll-up. With `sign` -1 what is entered is taken away: corrections are entries too."""

    def __init__(self) -> None:
        self.sign = 1
        self.records: list[Record] = []
        self._entries: dict[Place, Figures] = {}
        self._found: tuple[Iterable[Entity], datetime, list[Figures]] | None = None

    def record(self, record: Record) -> None:
        """Add a row to one of the tables of single things, once and for good: of direct entries alone."""
        self.records.append(record)

    def count(self, entities: Iterable[Entity], at: datetime, metric: str, times: int = 1) -> None:
        """Add to a count."""
        if times:
            for figures in self._at(entities, at):
                figures.counts[metric] = figures.counts.get(metric, 0) + times * self.sign

    def spread(self, entities: Iterable[Entity], at: datetime, metric: str, value: float) -> None:
        """Add a value to a distribution."""
        name, micros = counted_as(value)
        for figures in self._at(entities, at):
            spread = figures.spreads.get(metric)
            if spread is None:
                spread = figures.spreads[metric] = Spread()
            spread.enter(name, micros, self.sign)

    def last(self, entities: Iterable[Entity], at: datetime, metric: str, value: float, source: str) -> None:
        """Set the newest value, by `at` and `source`.

        It cannot be taken away, only replaced by what the same source says later. So both must never change: for a
        figure of an attempt they are its assignment (`folding.groups.standing`), for a direct one the event's own.
        """
        if self.sign < 0:
            return
        newest = Last(round(at.timestamp() * 1_000_000), source, within_bounds(value))
        for figures in self._at(entities, at):
            figures.lasts[metric] = figures.lasts.get(metric, newest).or_newer(newest)

    def rollups(self) -> dict[Key, Figures]:
        """What to add to each roll-up, at every resolution that is kept of its dimension; no nothings."""
        summed: dict[Key, Figures] = {}
        for (dimension, entity, at_s), figures in self._entries.items():
            if figures.is_nothing:
                continue
            for resolution in RESOLUTIONS[dimension]:
                key = Key(dimension, entity, resolution, at_s - at_s % WIDTH_S[resolution])
                summed.setdefault(key, Figures()).merge(figures)
        return summed

    def _at(self, entities: Iterable[Entity], at: datetime) -> list[Figures]:
        # One after the other come many figures of the same entities and time.
        if self._found is not None and self._found[0] is entities and self._found[1] is at:
            return self._found[2]
        at_s = int(at.timestamp())
        found: list[Figures] = []
        for dimension, entity in entities:
            place = (dimension, entity, at_s - at_s % FINEST_S[dimension])
            figures = self._entries.get(place)
            if figures is None:
                figures = self._entries[place] = Figures()
            found.append(figures)
        self._found = entities, at, found
        return found
