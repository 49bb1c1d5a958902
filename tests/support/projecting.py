"""Projections in memory, and what two projections must have in common."""

import copy
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson

from analytics_query.decisions.cover import Stretch, ceiling_of, cover, first_of
from analytics_query.decisions.folding import FOLD_VERSION
from analytics_query.domain.consumers import CONSUMERS
from analytics_query.domain.documents import AttemptDocument, AttemptKey, TaskDocument
from analytics_query.domain.records import DecisionMade, ErrorSeen, FiguresReported, Record
from analytics_query.domain.retention import Kept
from analytics_query.domain.rollups import Figures, Key, Rollup
from analytics_query.domain.vocabulary import RESOLUTIONS, Dimension, Resolution, bucket_of
from analytics_query.handlers.projecting import Projector
from analytics_query.ports import Position
from analytics_query.store import rows
from analytics_query.store.sketches import pack
from contracts import streams
from contracts.batches import Batch, ItemT
from contracts.events.recovery import Severity
from servicekit.bus import Received
from servicekit.inbox import producer_name
from tests.support.examples import NOW
from tests.support.histories import Sealed

Dump = dict[str, dict[Any, Any]]

TABLES = {
    "rollups": "SELECT dimension, entity, resolution, bucket, figures, sketches, spreads FROM rollups",
    "attempts": "SELECT task_id, attempt, worker_id, document, events, updated_at FROM attempts",
    "tasks": "SELECT task_id, document FROM tasks",
    "current_attempts": "SELECT task_id, attempt, worker_id FROM current_attempts",
    # The number of a row says when it was written, and nothing else.
    "analytics": """SELECT event_id::text, analytics_type, source_type, source_id, data, timestamp, worker_id, attempt,
        evidence FROM analytics""",
    "decisions": """SELECT event_id::text, task_id, attempt, worker_id, decision_type, decided_at, seq, body
        FROM decisions""",
    "error_groups": """SELECT fingerprint, error_type, severity, message, place, first_event_id::text, first_seen,
        last_seen, count FROM error_groups""",
    "error_workers": "SELECT fingerprint, worker_id, count FROM error_workers",
    "error_tasks": "SELECT fingerprint, task_id, count FROM error_tasks",
}
KEY_COLUMNS = {"rollups": 4, "attempts": 3, "error_workers": 2, "error_tasks": 2}


@dataclass
class State:
    """What is stored, as it is stored."""

    position: Position = field(default_factory=lambda: Position(0, fold_version=-1))
    applied: set[tuple[str, str, int]] = field(default_factory=set)
    attempts: dict[AttemptKey, tuple[bytes, bytes, datetime | None]] = field(default_factory=dict)
    tasks: dict[str, bytes] = field(default_factory=dict)
    rollups: dict[Key, tuple[bytes, bytes]] = field(default_factory=dict)
    current: dict[str, AttemptKey] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)


class MemoryTransaction:
    """What `PostgresTransaction` does, on a copy of the state."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._newest = state.position.newest_event_at

    @property
    def position(self) -> Position:
        return self.state.position

    async def claim(self, consumer: str, received: Sequence[Received[Batch[ItemT]]]) -> list[ItemT]:
        items: list[ItemT] = []
        for one in received:
            mark = (consumer, producer_name(one.message.subject, one.batch.producer), one.batch.batch)
            if mark not in self.state.applied:
                self.state.applied.add(mark)
                items += one.batch.events
        return items

    async def load_attempts(self, keys: Sequence[AttemptKey]) -> dict[AttemptKey, AttemptDocument]:
        return {key: _document(self.state, key) for key in keys if key in self.state.attempts}

    async def load_tasks(self, task_ids: Sequence[str]) -> dict[str, TaskDocument]:
        known = self.state.tasks
        return {task_id: TaskDocument.model_validate_json(known[task_id]) for task_id in task_ids if task_id in known}

    async def load_rollups(self, keys: Sequence[Key]) -> dict[Key, Figures]:
        return {key: _figures(self.state, key) for key in keys if key in self.state.rollups}

    async def save_attempts(self, documents: Mapping[AttemptKey, AttemptDocument]) -> None:
        for key, document in documents.items():
            self.state.attempts[key] = (document.to_json(), orjson.dumps(document.events), document.updated_at)

    async def count_attempts(self, documents: Mapping[AttemptKey, AttemptDocument]) -> None:
        for key, document in documents.items():
            stored, _, _ = self.state.attempts[key]
            self.state.attempts[key] = (stored, orjson.dumps(document.events), document.updated_at)

    async def save_tasks(self, documents: Mapping[str, TaskDocument]) -> None:
        self.state.tasks |= {task_id: document.to_json() for task_id, document in documents.items()}

    async def save_rollups(self, rollups: Mapping[Key, Figures]) -> None:
        for key, figures in rollups.items():
            self.state.rollups[key] = (orjson.dumps(figures.plain_json()), pack(figures.spreads))

    async def count_rollups(self, rollups: Mapping[Key, Figures]) -> None:
        for key, figures in rollups.items():
            self.state.rollups[key] = (orjson.dumps(figures.plain_json()), self.state.rollups[key][1])

    async def remove_rollups(self, keys: Sequence[Key]) -> None:
        for key in keys:
            del self.state.rollups[key]

    async def make_current(self, keys: Sequence[AttemptKey]) -> None:
        for key in keys:
            self.state.current[key.task_id] = max(key, self.state.current.get(key.task_id, key))

    async def add_records(self, records: Sequence[Record]) -> None:
        self.state.records += records

    async def note_event(self, newest: datetime) -> None:
        self._newest = newest if self._newest is None else max(newest, self._newest)

    def committed(self) -> State:
        """The state that this transaction leaves."""
        known = self.state.position
        self.state.position = Position(known.number, known.applied_at, self._newest, known.fold_version, known.kept)
        return self.state


class Memory:
    """All projections in memory: what is written, and what is read, is JSON as in the database."""

    def __init__(self) -> None:
        self.state = State()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[MemoryTransaction]:
        """Everything in the block, or nothing."""
        state = copy.copy(self.state)
        for name in ("applied", "attempts", "tasks", "rollups", "current", "records"):
            setattr(state, name, copy.copy(getattr(state, name)))
        known = state.position
        version = FOLD_VERSION if known.fold_version < 0 else known.fold_version
        state.position = Position(known.number + 1, NOW, known.newest_event_at, version, known.kept)
        transaction = MemoryTransaction(state)
        yield transaction
        self.state = transaction.committed()

    async def keep(self, kept: Kept) -> None:
        """Keep roll-ups from there on alone, unless less is kept already."""
        async with self.transaction() as into:
            known = into.state.position
            since = {one: max(at, known.kept.since.get(one, at)) for one, at in kept.since.items()}
            into.state.position = Position(
                known.number, known.applied_at, known.newest_event_at, known.fold_version, Kept(since)
            )
            rollups = into.state.rollups
            into.state.rollups = {
                key: stored
                for key, stored in rollups.items()
                if into.state.position.kept.has(key.resolution, key.bucket_s)
            }

    async def read(
        self,
        dimension: Dimension,
        entities: Sequence[str] | None,
        since: datetime,
        until: datetime,
        resolution: Resolution | None = None,
    ) -> list[Rollup]:
        """Roll-ups that cover [since, until)."""
        kept = RESOLUTIONS[dimension]
        coarse = kept[kept.index(resolution) :] if resolution in kept else kept
        return self._within(dimension, entities, cover(since, until, coarse, self.state.position.kept))

    async def series(
        self,
        dimension: Dimension,
        entities: Sequence[str] | None,
        since: datetime,
        until: datetime,
        resolution: Resolution,
    ) -> list[Rollup]:
        """Roll-ups of one resolution."""
        stretch = Stretch(resolution, bucket_of(since, resolution), ceiling_of(until, resolution))
        return self._within(dimension, entities, [stretch])

    async def first(self, dimension: Dimension, entity: str) -> datetime | None:
        """As `ports.Rollups`."""
        oldest: dict[Resolution, datetime] = {}
        for key in sorted(self.state.rollups, key=lambda key: -key.bucket_s):
            if (key.dimension, key.entity) == (dimension, entity):
                oldest[key.resolution] = datetime.fromtimestamp(key.bucket_s, UTC)
        return first_of(oldest)

    async def dimensions(self, entities: Sequence[str], among: Collection[Dimension]) -> dict[str, set[Dimension]]:
        """As `ports.Rollups`."""
        found: dict[str, set[Dimension]] = {}
        for key in self.state.rollups:
            if key.entity in entities and key.dimension in among:
                found.setdefault(key.entity, set()).add(key.dimension)
        return found

    async def entities(
        self, dimension: Dimension, since: datetime, until: datetime, by_metric: str, limit: int
    ) -> list[tuple[str, int]]:
        """The entities with the largest sum of a count."""
        totals: dict[str, int] = {}
        for rollup in await self.read(dimension, None, since, until):
            count = rollup.figures.counts.get(by_metric, 0)
            totals[rollup.key.entity] = totals.get(rollup.key.entity, 0) + count
        return sorted(((e, n) for e, n in totals.items() if n > 0), key=lambda one: (-one[1], one[0]))[:limit]

    def _within(
        self, dimension: Dimension, entities: Sequence[str] | None, stretches: Sequence[Stretch]
    ) -> list[Rollup]:
        found = [
            Rollup(key, _figures(self.state, key))
            for key in self.state.rollups
            for stretch in stretches
            if key.dimension is dimension
            and (entities is None or key.entity in entities)
            and key.resolution is stretch.resolution
            and stretch.since.timestamp() <= key.bucket_s < stretch.until.timestamp()
        ]
        return sorted(found, key=lambda one: (one.key.entity, one.key.bucket_s))

    async def task(self, task_id: str) -> TaskDocument | None:
        """What is kept of a task."""
        stored = self.state.tasks.get(task_id)
        return None if stored is None else TaskDocument.model_validate_json(stored)

    async def attempts(self, task_ids: Sequence[str]) -> dict[AttemptKey, AttemptDocument]:
        """What is kept of all attempts of these tasks."""
        keys = sorted((key for key in self.state.attempts if key.task_id in task_ids), key=_newest_first)
        return {key: _document(self.state, key) for key in keys}

    async def current_attempt(self, task_id: str) -> tuple[AttemptKey | None, AttemptDocument]:
        """A task's current attempt."""
        key = self.state.current.get(task_id)
        if key is not None:
            return key, _document(self.state, key) if key in self.state.attempts else AttemptDocument()
        known = await self.attempts([task_id])
        return next(iter(known.items()), (None, AttemptDocument()))

    async def position(self) -> Position:
        """How far it is."""
        return self.state.position

    def dump(self) -> Dump:
        """All that is stored."""
        dump: Dump = {table: {} for table in TABLES}
        for key, (plain, sketches) in self.state.rollups.items():
            bucket = datetime.fromtimestamp(key.bucket_s, UTC)
            place = (key.dimension.value, key.entity, key.resolution.value, bucket)
            dump["rollups"][place] = (orjson.loads(plain), sketches, {})
        for attempt, (stored, events, updated_at) in self.state.attempts.items():
            dump["attempts"][tuple(attempt)] = (orjson.loads(stored), orjson.loads(events), updated_at)
        dump["tasks"] = {(task_id,): (orjson.loads(stored),) for task_id, stored in self.state.tasks.items()}
        dump["current_attempts"] = {(one.task_id,): (one.attempt, one.worker_id) for one in self.state.current.values()}
        for record in sorted(self.state.records, key=_by_time):
            _add_record(dump, record)
        return dump


async def dump_of(connection: asyncpg.Connection) -> Dump:
    """All that is stored in the database."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=orjson.dumps, decoder=orjson.loads, schema="pg_catalog")
    dump: Dump = {}
    for table, sql in TABLES.items():
        width = KEY_COLUMNS.get(table, 1)
        dump[table] = {tuple(row)[:width]: tuple(row)[width:] for row in await connection.fetch(sql)}
    return dump


def assert_equal(one: Dump, other: Dump) -> None:
    """Say where two projections differ, row by row."""
    for table in TABLES:
        keys = one[table].keys() | other[table].keys()
        differing = {key for key in keys if one[table].get(key) != other[table].get(key)}
        for key in sorted(differing, key=str)[:3]:
            raise AssertionError(f"{table} {key}: {one[table].get(key)} is not {other[table].get(key)}")


def _add_record(dump: Dump, record: Record) -> None:
    if isinstance(record, FiguresReported):
        values = (record.analytics_type, record.source_type, record.source_id, record.data, record.timestamp)
        dump["analytics"][record.event_id,] = (*values, record.worker_id, record.attempt, record.evidence)
    elif isinstance(record, DecisionMade):
        about = (record.task_id, record.attempt, record.worker_id, record.decision_type)
        dump["decisions"][record.event_id,] = (*about, record.decided_at, record.seq, record.body)
    else:
        _add_error(dump, record)


def _add_error(dump: Dump, seen: ErrorSeen) -> None:
    groups = dump["error_groups"]
    first = (seen.error_type, seen.severity, seen.message, seen.place, seen.event_id, seen.seen_at)
    error_type, severity, *words, _, count = groups.get((seen.fingerprint,), (*first, seen.seen_at, 0))
    worst = min(severity, seen.severity, key=list(Severity).index)
    groups[seen.fingerprint,] = (error_type, worst, *words, seen.seen_at, count + 1)
    for table, name in (("error_workers", seen.worker_id), ("error_tasks", seen.task_id)):
        if name is not None:
            (times,) = dump[table].get((seen.fingerprint, name), (0,))
            dump[table][seen.fingerprint, name] = (times + 1,)


def _by_time(record: Record) -> tuple[datetime, str]:
    return (record.seen_at, record.event_id) if isinstance(record, ErrorSeen) else (NOW, record.event_id)


def _document(state: State, key: AttemptKey) -> AttemptDocument:
    stored, events, updated_at = state.attempts[key]
    return AttemptDocument.of(stored, orjson.loads(events), updated_at)


def _figures(state: State, key: Key) -> Figures:
    plain, sketches = state.rollups[key]
    return rows.figures(orjson.loads(plain), sketches, {})


def _newest_first(key: AttemptKey) -> tuple[str, int, str]:
    return key.task_id, -key.attempt, key.worker_id


async def in_memory(batches: Sequence[Sealed]) -> Memory:
    """The projections of these batches, each applied alone and in order."""
    memory = Memory()
    projector = Projector(memory)
    for one in batches:
        await project(projector, [one])
    return memory


async def project(projector: Projector, batches: Sequence[Sealed]) -> None:
    """Apply batches of any streams in one go: a transaction for each stream that they are of."""
    for stream, consumer in CONSUMERS.items():
        of_stream = [one.received for one in batches if one.stream == stream]
        if of_stream and stream == streams.EVENTS:
            await projector.follow(of_stream, consumer)
        elif of_stream:
            await projector.project(of_stream, consumer)
