"""What is in memory of the projections, and how a batch of events changes it."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from analytics_query.decisions.currency import current_attempts
from analytics_query.decisions.folding.registry import CREDITS_ON, DIRECT, FOLDS, TASK_CREDITS, TASK_FOLDS
from analytics_query.decisions.folding.tables import Credit
from analytics_query.decisions.ledger import ALL_KEPT, Ledger
from analytics_query.domain.documents import AttemptDocument, AttemptKey, TaskDocument
from analytics_query.domain.records import Record
from analytics_query.domain.retention import Kept
from analytics_query.domain.rollups import Figures, Key
from analytics_query.domain.vocabulary import SYSTEM, Dimension
from contracts.decided import DecidedEvent
from contracts.events import Event

MINUTE_S = 60

KeyT = TypeVar("KeyT")
DocumentT = TypeVar("DocumentT", AttemptDocument, TaskDocument)


@dataclass(slots=True)
class Wanted:
    """What must be in memory before a batch is folded."""

    attempts: set[AttemptKey] = field(default_factory=set[AttemptKey])
    tasks: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class Changes:
    """What is to be written."""

    attempts: dict[AttemptKey, AttemptDocument]
    counted: dict[AttemptKey, AttemptDocument]
    """Of which only the count of events has changed."""
    tasks: dict[str, TaskDocument]
    entries: dict[Key, Figures]
    """What is to be added to each roll-up."""
    records: list[Record]
    current: list[AttemptKey]
    """Assignments, the newest of each task."""
    newest_at: datetime | None


@dataclass(slots=True)
class Merged:
    """Roll-ups as they are to be written."""

    saved: dict[Key, Figures] = field(default_factory=dict[Key, Figures])
    counted: dict[Key, Figures] = field(default_factory=dict[Key, Figures])
    """Which exist, and of which no spread has changed."""
    removed: list[Key] = field(default_factory=list[Key])


@dataclass(slots=True)
class Held(Generic[DocumentT]):
    """A document in memory. `is_stored`: there is a row of it."""

    document: DocumentT
    is_stored: bool = False
    is_changed: bool = False
    changed_by: set[str] = field(default_factory=set[str])
    """Kinds of events that changed it."""
    due: dict[Credit, None] = field(default_factory=dict[Credit, None])
    """The old of these credits are taken away; the new ones are due. Of tasks all are."""
    newest_at: datetime | None = None
    """When the newest event of this transaction occurred."""
    newest_s: float = float("-inf")
    """The same in seconds since 1970: comparing times costs more than all else that is done for most events."""


class Working:
    """Documents and roll-ups in memory, of which some have changed since they were stored."""

    def __init__(self) -> None:
        self._attempts: OrderedDict[AttemptKey, Held[AttemptDocument]] = OrderedDict()
        self._tasks: OrderedDict[str, Held[TaskDocument]] = OrderedDict()
        self._rollups: OrderedDict[Key, Figures] = OrderedDict()
        self.begin()

    def forget(self) -> None:
        """Forget everything: what is stored may be something else now."""
        self.__init__()

    def begin(self, kept: Kept = ALL_KEPT) -> None:
        """Begin to gather changes; of older times than `kept` none are gathered so finely."""
        self._ledger = Ledger(kept)
        self._touched: dict[AttemptKey, Held[AttemptDocument]] = {}
        self._touched_tasks: dict[str, Held[TaskDocument]] = {}
        self._current: list[AttemptKey] = []
        self._newest_at: datetime | None = None
        self._newest_s = float("-inf")

    def missing(self, wanted: Wanted) -> Wanted:
        """What is wanted and not in memory."""
        return Wanted(wanted.attempts - self._attempts.keys(), wanted.tasks - self._tasks.keys())

    def hold(
        self,
        missing: Wanted,
        attempts: Mapping[AttemptKey, AttemptDocument],
        tasks: Mapping[str, TaskDocument],
    ) -> None:
        """Take in what was missing, of which these documents were stored; there is none yet of the others."""
        for key in missing.attempts:
            stored = attempts.get(key)
            self._attempts[key] = Held(stored or AttemptDocument(), stored is not None)
        for task_id in missing.tasks:
            known = tasks.get(task_id)
            self._tasks[task_id] = Held(known or TaskDocument(), known is not None)

    def fold(self, events: Sequence[Event]) -> None:
        """Fold in what workers reported; all that `wanted` names is in memory."""
        counts: defaultdict[tuple[str, int], int] = defaultdict(int)
        for event in events:
            kind, at_s = event.kind, event.occurred_at.timestamp()
            counts[event.worker_id, int(at_s) // MINUTE_S] += 1
            if at_s > self._newest_s:
                self._newest_s, self._newest_at = at_s, event.occurred_at
            if event.task_id is not None and event.attempt is not None:
                self._fold_into_attempt((event.task_id, event.attempt, event.worker_id), kind, event, at_s)
                if kind in TASK_FOLDS:
                    self._fold_into_task(event.task_id, kind, event)
            for enter in DIRECT.get(kind, ()):
                enter(event, self._ledger)
        self._count(counts)

    def follow(self, news: Sequence[DecidedEvent]) -> None:
        """Fold in what services decided."""
        for event in news:
            kind = event.kind.value
            if kind in FOLDS and event.task_id and event.attempt and event.worker_id:
                key = AttemptKey(event.task_id, event.attempt, event.worker_id)
                held = self._touch(key)
                self._change(key, held, kind)
                for fold in FOLDS[kind]:
                    fold(held.document, event)
            if kind in TASK_FOLDS and event.task_id:
                self._fold_into_task(event.task_id, kind, event)
            for enter in DIRECT.get(kind, ()):
                enter(event, self._ledger)
            if (at_s := event.occurred_at.timestamp()) > self._newest_s:
                self._newest_s, self._newest_at = at_s, event.occurred_at
        self._current += current_attempts(news).values()

    def changes(self) -> Changes:
        """All that has changed since `begin`, as it is to be written; it counts as written from now on."""
        for held in self._touched.values():
            if held.newest_at is not None:
                known = held.document.updated_at or held.newest_at
                held.document.updated_at = max(known, held.newest_at)
                held.newest_at, held.newest_s = None, float("-inf")
        changed = {key: held for key, held in self._touched.items() if held.is_changed or not held.is_stored}
        counted = {key: held for key, held in self._touched.items() if key not in changed}
        tasks = self._touched_tasks
        for key, held in changed.items():
            self._credit_attempt(key, held.document, held.due)
        for held in tasks.values():
            self._credit_task(held.document)
        changes = Changes(
            attempts={key: held.document for key, held in changed.items()},
            counted={key: held.document for key, held in counted.items()},
            tasks={task_id: held.document for task_id, held in tasks.items()},
            entries=self._ledger.rollups(),
            records=self._ledger.records,
            current=self._current,
            newest_at=self._newest_at,
        )
        for held in (*self._touched.values(), *tasks.values()):
            held.is_stored, held.is_changed = True, False
            held.changed_by.clear()
            held.due.clear()
        return changes

    def unknown(self, keys: Iterable[Key]) -> list[Key]:
        """Those of the roll-ups that are not in memory."""
        return [key for key in keys if key not in self._rollups]

    def merge(self, entries: Mapping[Key, Figures], stored: Mapping[Key, Figures]) -> Merged:
        """Add entries to roll-ups; `stored` are those that were not in memory, of which there are any."""
        merged = Merged()
        for key, entry in entries.items():
            known = self._rollups.pop(key, None) or stored.get(key)
            figures = known or Figures()
            change = figures.merge(entry)
            if figures.is_nothing:
                if known is not None:
                    merged.removed.append(key)
                continue
            self._rollups[key] = figures
            if known is None or change.spreads:
                merged.saved[key] = figures
            elif change.plain:
                merged.counted[key] = figures
        return merged

    def trim(self, most_documents: int, most_rollups: int) -> None:
        """Forget what was not needed for longest, until no more than this is in memory; call it after `changes`."""
        limits = ((self._attempts, most_documents), (self._tasks, most_documents), (self._rollups, most_rollups))
        for cache, most in limits:
            while len(cache) > most:
                cache.popitem(last=False)

    def _fold_into_attempt(self, place: tuple[str, int, str], kind: str, event: Any, at_s: float) -> None:
        # A plain tuple finds what its key would, and most events are of few attempts.
        held = self._touched.get(place) or self._touch(AttemptKey(*place))  # pyright: ignore[reportArgumentType, reportCallIssue]
        folds = FOLDS.get(kind)
        if folds is not None:
            self._change(AttemptKey(*place), held, kind)
        counts = held.document.events
        counts[kind] = counts.get(kind, 0) + 1
        if at_s > held.newest_s:
            held.newest_s, held.newest_at = at_s, event.occurred_at
        for fold in folds or ():
            fold(held.document, event)

    def _fold_into_task(self, task_id: str, kind: str, event: Any) -> None:
        held = self._tasks[task_id]
        if not held.is_changed:
            held.is_changed = True
            self._touched_tasks[task_id] = held
            self._tasks.move_to_end(task_id)
            self._credit_task(held.document, sign=-1)
        for fold in TASK_FOLDS[kind]:
            fold(held.document, event)

    def _touch(self, key: AttemptKey) -> Held[AttemptDocument]:
        held = self._touched.get(key)
        if held is None:
            held = self._touched[key] = self._attempts[key]
            self._attempts.move_to_end(key)
        return held

    def _change(self, key: AttemptKey, held: Held[AttemptDocument], kind: str) -> None:
        if kind not in held.changed_by:
            held.is_changed = True
            held.changed_by.add(kind)
            new = [credit for credit in CREDITS_ON[kind] if credit not in held.due]
            self._credit_attempt(key, held.document, new, sign=-1)
            held.due |= dict.fromkeys(new)

    def _credit_attempt(
        self, key: AttemptKey, document: AttemptDocument, credits: Iterable[Credit], sign: int = 1
    ) -> None:
        self._ledger.sign = sign
        for credit in credits if document.lifecycle.about is not None else ():
            credit(key, document, self._ledger)
        self._ledger.sign = 1

    def _credit_task(self, document: TaskDocument, sign: int = 1) -> None:
        self._ledger.sign = sign
        for credit in TASK_CREDITS:
            credit(document, self._ledger)
        self._ledger.sign = 1

    def _count(self, counts: Mapping[tuple[str, int], int]) -> None:
        for (worker_id, minute), times in counts.items():
            at = datetime.fromtimestamp(minute * MINUTE_S, UTC)
            self._ledger.count(((Dimension.system, SYSTEM), (Dimension.worker, worker_id)), at, "events", times)


def wanted(events: Iterable[Event], news: Iterable[DecidedEvent]) -> Wanted:
    """The documents that these change."""
    found = Wanted()
    places: set[tuple[str, int, str]] = set()
    for event in events:
        if event.task_id is not None and event.attempt is not None:
            places.add((event.task_id, event.attempt, event.worker_id))
            if event.kind in TASK_FOLDS:
                found.tasks.add(event.task_id)
    found.attempts.update(AttemptKey(*place) for place in places)
    for told in news:
        kind = told.kind.value
        if kind in FOLDS and told.task_id and told.attempt and told.worker_id:
            found.attempts.add(AttemptKey(told.task_id, told.attempt, told.worker_id))
        if kind in TASK_FOLDS and told.task_id:
            found.tasks.add(told.task_id)
    return found
