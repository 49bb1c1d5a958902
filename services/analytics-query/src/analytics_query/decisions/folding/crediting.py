"""When and for whom the figures of an attempt count."""

from collections.abc import Iterable
from datetime import datetime

from analytics_query.decisions.folding.groups import standing
from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.vocabulary import Dimension, Entity

CHANGING = (Dimension.agent, Dimension.model)
"""Which of them it was is certain only once the outcome has come."""
OWN = (Dimension.system, Dimension.worker)
"""What an event itself tells."""


def credited_at(document: AttemptDocument, newest_at: datetime | None) -> datetime | None:
    """The attempt's end; while it runs, the newest report of that sort."""
    return None if newest_at is None else document.lifecycle.ended_at or newest_at


def later(known: datetime | None, at: datetime) -> datetime:
    """The later of two times."""
    return at if known is None or at > known else known


def without(entities: Iterable[Entity], dimensions: tuple[Dimension, ...]) -> list[Entity]:
    """The entities but those of some dimensions."""
    return [entity for entity in entities if entity[0] not in dimensions]


class NewestValues:
    """Enters the newest values of an attempt for its groups, those that no later event changes."""

    def __init__(self, key: AttemptKey, document: AttemptDocument, entities: Iterable[Entity]) -> None:
        self._entities = without(entities, CHANGING)
        self._standing = standing(key, document)

    def enter(self, ledger: Ledger, metric: str, value: float, entities: Iterable[Entity] | None = None) -> None:
        """Enter a value; for the attempt's groups if no others are given."""
        if self._standing is not None:
            at, source = self._standing
            ledger.last(self._entities if entities is None else entities, at, metric, value, source)
