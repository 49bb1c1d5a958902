"""What the handlers need of the outside."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from analytics_query.decisions.reports.decisions import KnownDecision
from analytics_query.decisions.reports.errors import Affected, KnownGroup
from analytics_query.domain.documents import AttemptDocument, AttemptKey, TaskDocument
from analytics_query.domain.records import Record
from analytics_query.domain.retention import Kept
from analytics_query.domain.rollups import Figures, Key, Rollup
from analytics_query.domain.vocabulary import Dimension, Entity, Resolution
from contracts.base import JsonObject
from contracts.batches import Batch, ItemT
from contracts.telemetry import LoggedDecision, LoggedEvent, LogMarks
from servicekit.bus import Received


@dataclass(frozen=True, slots=True)
class Position:
    """How far the projections are. `number` changes with every change: what was read at one number is of one piece."""

    number: int
    applied_at: datetime | None = None
    """When the last change was made."""
    newest_event_at: datetime | None = None
    """When the newest event occurred that is in them."""
    fold_version: int = 0
    """The version of the folding that made them; see `decisions.folding.FOLD_VERSION`."""
    kept: Kept = field(default_factory=Kept)
    """Which roll-ups are kept."""


class Transaction(Protocol):
    """The projections inside one transaction, which overlaps with no other. Given nothing, it does nothing."""

    @property
    def position(self) -> Position:
        """The position that this transaction makes: `number` is one more than that of the transaction before."""
        ...

    async def claim(self, consumer: str, received: Sequence[Received[Batch[ItemT]]]) -> list[ItemT]:
        """What is in those of the batches that were not applied before; from now on they count as applied."""
        ...

    async def load_attempts(self, keys: Sequence[AttemptKey]) -> dict[AttemptKey, AttemptDocument]:
        """Those of the documents that there are."""
        ...

    async def load_tasks(self, task_ids: Sequence[str]) -> dict[str, TaskDocument]:
        """Those of the documents that there are."""
        ...

    async def load_rollups(self, keys: Sequence[Key]) -> dict[Key, Figures]:
        """Those of the roll-ups that there are."""
        ...

    async def save_attempts(self, documents: Mapping[AttemptKey, AttemptDocument]) -> None:
        """Write whole documents."""
        ...

    async def count_attempts(self, documents: Mapping[AttemptKey, AttemptDocument]) -> None:
        """Write what is counted of documents of which nothing else has changed: `events` and `updated_at`."""
        ...

    async def save_tasks(self, documents: Mapping[str, TaskDocument]) -> None:
        """Write whole documents."""
        ...

    async def save_rollups(self, rollups: Mapping[Key, Figures]) -> None:
        """Write whole roll-ups."""
        ...

    async def count_rollups(self, rollups: Mapping[Key, Figures]) -> None:
        """Write counts and newest values of roll-ups that exist, and whose spreads have not changed."""
        ...

    async def remove_rollups(self, keys: Sequence[Key]) -> None:
        """Remove roll-ups that have come to nothing."""
        ...

    async def make_current(self, keys: Sequence[AttemptKey]) -> None:
        """Remember the attempts that tasks are at, unless newer ones are known."""
        ...

    async def add_records(self, records: Sequence[Record]) -> None:
        """Add rows to the tables of single things."""
        ...

    async def note_event(self, newest: datetime) -> None:
        """Remember when the newest event occurred, if it is newer than what is known."""
        ...


class Rebuild(Transaction, Protocol):
    """The transaction that makes all projections anew: until its end everybody sees the old ones."""

    async def applied(self) -> LogMarks:
        """Which batches the projections hold, and will hold."""
        ...

    async def events_before(self) -> int:
        """How many events of workers they held, about."""
        ...

    async def empty(self) -> None:
        """Remove all that was projected, but the marks."""
        ...

    async def finish(self, fold_version: int) -> None:
        """Note by which version of the folding they were made."""
        ...


class Projections(Protocol):
    """All projections, to write."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Everything in the block, or nothing; one at a time, whichever process it is in."""
        ...

    async def keep(self, kept: Kept) -> None:
        """Keep roll-ups from there on alone, unless less is kept already, and remove the older ones bit by bit."""
        ...


class Log(Protocol):
    """The event log, as telemetry-ingest shows it."""

    async def marks(self) -> LogMarks:
        """Which batches are in the log: who asks first and reads then finds all of them."""
        ...

    def events(self) -> AsyncGenerator[list[LoggedEvent]]:
        """All that workers reported and asked, some at a time."""
        ...

    def decided(self) -> AsyncGenerator[list[LoggedDecision]]:
        """All that services decided, some at a time."""
        ...


class Rollups(Protocol):
    """Roll-ups, to read."""

    async def read(
        self,
        dimension: Dimension,
        entities: Sequence[str] | None,
        since: datetime,
        until: datetime,
        resolution: Resolution | None = None,
    ) -> list[Rollup]:
        """Roll-ups that cover [since, until) without overlap, in as few as there can be: days, and hours or minutes at
        its ends, as fine as they are kept of the dimension. Both ends are moved outward to whole ones of these.

        `entities` None: all. `resolution`: none finer. In order of entity and time.
        """
        ...

    async def series(
        self,
        dimension: Dimension,
        entities: Sequence[str] | None,
        since: datetime,
        until: datetime,
        resolution: Resolution,
    ) -> list[Rollup]:
        """Roll-ups of one resolution whose buckets touch [since, until), in order of entity and time."""
        ...

    async def entities(
        self, dimension: Dimension, since: datetime, until: datetime, by_metric: str, limit: int
    ) -> list[tuple[str, int]]:
        """The entities with the largest sum of a count in [since, until), largest first, with that sum."""
        ...


class Documents(Protocol):
    """Documents, to read."""

    async def task(self, task_id: str) -> TaskDocument | None:
        """What is kept of a task; None: the orchestrator has not spoken of it."""
        ...

    async def attempts(self, task_ids: Sequence[str]) -> dict[AttemptKey, AttemptDocument]:
        """What is kept of all attempts of these tasks, by key, the newest attempts first."""
        ...

    async def current_attempt(self, task_id: str) -> tuple[AttemptKey | None, AttemptDocument]:
        """A task's current attempt, and its document, empty where there is none.

        Without news of the task the newest attempt that reported anything is taken for the current one.
        """
        ...

    async def position(self) -> Position:
        """How far the projections are."""
        ...


class Stretched(NamedTuple):
    """Roll-ups to sum up: those of some entities over a stretch of time, under a name of the asker's."""

    label: str
    dimension: Dimension
    entities: Sequence[str]
    since: datetime
    until: datetime
    finest: Resolution
    without: Sequence[str] = ()
    """Distributions that are not needed: most of a roll-up is distributions."""


class Busiest(NamedTuple):
    """Which entities of a dimension have most of some metrics in a stretch of time, by whole buckets of `finest`."""

    dimension: Dimension
    metrics: str
    """Counts, separated by commas."""
    spread: bool
    """Whether they are distributions, of which the number of values counts."""
    since: datetime
    until: datetime
    finest: Resolution
    limit: int


class GroupsAsked(NamedTuple):
    """Groups of errors that were seen in [since, until)."""

    since: datetime
    until: datetime
    error_type: str | None = None
    severities: Sequence[str] = ()
    worker_id: str | None = None
    task_id: str | None = None


class DecisionsAsked(NamedTuple):
    """Decisions that were made in [since, until)."""

    since: datetime
    until: datetime
    task_id: str | None = None
    decision_type: str | None = None


class Reported(NamedTuple):
    """Figures of the `analytics` table."""

    analytics_type: str
    source_id: str
    data: JsonObject
    at: datetime
    evidence: str


class Disagreement(NamedTuple):
    """An attempt whose claim did not hold."""

    task_id: str
    attempt: int
    worker_id: str
    sentences: Sequence[str]


class Sums(Protocol):
    """Roll-ups, summed up for reports: each question is one statement, however much it asks for."""

    async def totals(self, asked: Sequence[Stretched]) -> dict[str, dict[Entity, Figures]]:
        """By label, the sums of each entity that has any roll-up. They must not be changed."""
        ...

    async def series(self, asked: Stretched) -> list[Rollup]:
        """The roll-ups of resolution `finest` whose buckets touch the time, in order of time. Not to be changed."""
        ...

    async def busiest(self, asked: Sequence[Busiest]) -> dict[Dimension, list[str]]:
        """By dimension, the entities, those with most first."""
        ...


class Records(Protocol):
    """Single things, to read."""

    async def groups(self, asked: GroupsAsked, limit: int) -> list[KnownGroup]:
        """Groups of errors, those that were seen most often (ever) first."""
        ...

    async def affected(self, fingerprints: Sequence[str]) -> Affected:
        """Whom these groups of errors have hit, ever."""
        ...

    async def decisions(
        self, asked: DecisionsAsked, after: tuple[datetime, str] | None, limit: int
    ) -> list[KnownDecision]:
        """Decisions with the outcome of their attempts, newest first; those after a place in that order."""
        ...

    async def decisions_of(self, task_ids: Sequence[str], limit: int) -> list[KnownDecision]:
        """Decisions of these tasks, in any order."""
        ...

    async def reported(
        self, source_type: str | None, sources: Sequence[str], since: datetime, until: datetime
    ) -> list[Reported]:
        """The newest figures of each type, and of each source if sources are given."""
        ...

    async def disagreements(self, worker_id: str | None, since: datetime, limit: int) -> list[Disagreement]:
        """The latest attempts whose claims did not hold, newest first."""
        ...


class AnswerCache(Protocol):
    """Answers that were given lately. What cannot be reached is a miss, never an error."""

    async def get(self, key: str) -> bytes | None:
        """What was kept under a key."""
        ...

    async def put(self, key: str, answer: bytes) -> None:
        """Keep an answer for a while."""
        ...
