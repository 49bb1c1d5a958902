"""Events and news of one attempt, and what the projections make of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from analytics_query.decisions.working import Working, wanted
from analytics_query.domain.documents import AttemptDocument, AttemptKey, TaskDocument
from analytics_query.domain.records import Record
from analytics_query.domain.rollups import Figures, Key
from analytics_query.domain.spreads import Spread
from analytics_query.domain.vocabulary import Dimension, Resolution, joined
from analytics_query.store.sketches import pack
from contracts.decided import DecidedEvent, DecidedKind
from contracts.events import EventBase
from tests.support.examples import FULL, MINIMAL, NOW, event

KEY = AttemptKey("task-123", 1, "worker-1")
REPOSITORY = "https://git.example/shop.git"
ASSIGNED_AT = NOW
ENDED_AT = NOW + timedelta(hours=3)

Happening = EventBase | DecidedEvent


def event_id_of(number: int) -> str:
    """An event's id, in order of the numbers."""
    return str(UUID(int=(0x01990000 << 96) + (7 << 76) + (2 << 62) + number))


def reported(kind: str, seq: int, body: dict[str, Any] | None = None, **envelope: Any) -> EventBase:
    """An event of the attempt: the `seq`th, so many minutes after its assignment."""
    given = {"seq": seq, "event_id": event_id_of(seq), "occurred_at": NOW + timedelta(minutes=seq)} | envelope
    return event(kind, MINIMAL[kind] if body is None else MINIMAL[kind] | body, **given)


def full(kind: str, seq: int, **envelope: Any) -> EventBase:
    """An event of the attempt with every field."""
    return reported(kind, seq, FULL[kind], **envelope)


def assigned(**about: Any) -> DecidedEvent:
    """News of the attempt's beginning."""
    return _news(DecidedKind.task_assigned, ASSIGNED_AT, {"repository": REPOSITORY, "task_class": "fix"} | about)


def ended(kind: DecidedKind = DecidedKind.task_completed) -> DecidedEvent:
    """News of its end."""
    return _news(kind, ENDED_AT, {})


def _news(kind: DecidedKind, at: datetime, data: dict[str, Any]) -> DecidedEvent:
    return DecidedEvent(
        event_id=event_id_of(900_000 + list(DecidedKind).index(kind)),
        kind=kind,
        occurred_at=at,
        task_id=KEY.task_id,
        attempt=KEY.attempt,
        worker_id=KEY.worker_id,
        data=data,
    )


class Folded:
    """Documents, roll-ups and rows after some events. Each transaction reads again what was stored."""

    def __init__(self) -> None:
        self.stored: dict[AttemptKey, bytes] = {}
        self.tasks: dict[str, bytes] = {}
        self.rollups: dict[Key, Figures] = {}
        self.records: list[Record] = []

    def apply(self, happenings: Sequence[Happening]) -> None:
        """What one transaction does with them."""
        events: list[Any] = [happening for happening in happenings if isinstance(happening, EventBase)]
        news = [happening for happening in happenings if isinstance(happening, DecidedEvent)]
        working, needed = Working(), wanted(events, news)
        attempts = {key: self._read(key) for key in needed.attempts & self.stored.keys()}
        known = needed.tasks & self.tasks.keys()
        tasks = {task_id: TaskDocument.model_validate_json(self.tasks[task_id]) for task_id in known}
        working.hold(needed, attempts, tasks)
        working.fold(events)
        working.follow(news)
        changes = working.changes()
        self.stored |= {key: document.to_json() for key, document in changes.attempts.items()}
        self.tasks |= {task_id: document.to_json() for task_id, document in changes.tasks.items()}
        self.records += changes.records
        for key, figures in changes.entries.items():
            self.rollups.setdefault(key, Figures()).merge(figures)

    def _read(self, key: AttemptKey) -> AttemptDocument:
        return AttemptDocument.of(self.stored[key], {}, None)

    @property
    def document(self) -> AttemptDocument:
        """The attempt's document."""
        return self._read(KEY)

    def as_json(self) -> Any:
        """All of it, as it can be compared."""
        kept = {key: figures for key, figures in self.rollups.items() if not figures.is_nothing}
        return orjson.loads(
            orjson.dumps(
                {
                    "documents": {"/".join(map(str, key)): orjson.Fragment(text) for key, text in self.stored.items()},
                    "rollups": {
                        "|".join(map(str, key)): [figures.plain_json(), pack(figures.spreads).hex()]
                        for key, figures in kept.items()
                    },
                    "records": sorted(self.records, key=repr),
                }
            )
        )

    def figures(self, dimension: Dimension = Dimension.repository, *entity: str) -> Figures:
        """The roll-ups of an entity, of all days together; of the attempt's repository if none is given."""
        together = Figures()
        name = joined(*entity) if entity else REPOSITORY
        for key, figures in self.rollups.items():
            if (key.dimension, key.entity, key.resolution) == (dimension, name, Resolution.day):
                together.merge(figures)
        return together

    def count(self, metric: str, dimension: Dimension = Dimension.repository, *entity: str) -> int:
        """A count of it."""
        return self.figures(dimension, *entity).counts.get(metric, 0)

    def spread(self, metric: str, dimension: Dimension = Dimension.repository, *entity: str) -> Spread:
        """A spread of it, empty if there is none."""
        return self.figures(dimension, *entity).spreads.get(metric, Spread())

    def last(self, metric: str, dimension: Dimension = Dimension.repository, *entity: str) -> float | None:
        """The newest value of it."""
        found = self.figures(dimension, *entity).lasts.get(metric)
        return found.value if found else None


def folded(*happenings: Happening) -> Folded:
    """What becomes of these, in one transaction, between the news of the attempt's beginning and of its end."""
    return in_batches([[assigned(), *happenings, ended()]])


def in_batches(batches: Iterable[Sequence[Happening]]) -> Folded:
    """What becomes of them in several transactions."""
    result = Folded()
    for batch in batches:
        result.apply(batch)
    return result
