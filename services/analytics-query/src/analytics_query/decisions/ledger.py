"""Where figures are entered: by entity and time, at the finest resolution, and summed up into the coarser ones."""

from collections.abc import Iterable
from datetime import datetime

from analytics_query.domain.rollups import Figures, Key, Last, Spread
from analytics_query.domain.vocabulary import RESOLUTIONS, WIDTH, Dimension, Entity

FINEST_S = {dimension: int(WIDTH[resolutions[0]].total_seconds()) for dimension, resolutions in RESOLUTIONS.items()}

Place = tuple[Dimension, str, int]


class Ledger:
    """Entries by roll-up. With `sign` -1 what is entered is taken away: corrections are entries too."""

    def __init__(self) -> None:
        self.sign = 1
        self._entries: dict[Place, Figures] = {}

    def count(self, entities: Iterable[Entity], at: datetime, metric: str, times: int = 1) -> None:
        """Add to a count."""
        if times:
            for figures in self._at(entities, at):
                figures.counts[metric] = figures.counts.get(metric, 0) + times * self.sign

    def spread(self, entities: Iterable[Entity], at: datetime, metric: str, value: float) -> None:
        """Add a value to a distribution."""
        for figures in self._at(entities, at):
            spread = figures.spreads.get(metric)
            if spread is None:
                spread = figures.spreads[metric] = Spread()
            spread.add(value, self.sign)

    def last(self, entities: Iterable[Entity], at: datetime, metric: str, value: float, event_id: str) -> None:
        """Keep the newest value. It cannot be taken away: enter only what stays true."""
        if self.sign < 0:
            return
        newest = Last(round(at.timestamp() * 1_000_000), event_id, value)
        for figures in self._at(entities, at):
            figures.lasts[metric] = max(figures.lasts.get(metric, newest), newest)

    def rollups(self) -> dict[Key, Figures]:
        """What to add to each roll-up, at every resolution that is kept of its dimension."""
        summed: dict[Key, Figures] = {}
        for (dimension, entity, at_s), figures in self._entries.items():
            for resolution in RESOLUTIONS[dimension]:
                width = int(WIDTH[resolution].total_seconds())
                key = Key(dimension, entity, resolution, at_s - at_s % width)
                summed.setdefault(key, Figures()).merge(figures)
        return summed

    def _at(self, entities: Iterable[Entity], at: datetime) -> list[Figures]:
        at_s = int(at.timestamp())
        found: list[Figures] = []
        for dimension, entity in entities:
            place = (dimension, entity, at_s - at_s % FINEST_S[dimension])
            figures = self._entries.get(place)
            if figures is None:
                figures = self._entries[place] = Figures()
            found.append(figures)
        return found
