"""Projections in memory, histories to project, and what two projections must have in common."""

import copy
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import asyncpg
import orjson
from nats.aio.msg import Msg

from analytics_query.decisions.cover import Stretch, ceiling_of, cover
from analytics_query.decisions.folding import FOLD_VERSION
from analytics_query.domain.consumers import CONSUMERS
from analytics_query.domain.documents import AttemptDocument, AttemptKey, TaskDocument
from analytics_query.domain.records import DecisionMade, ErrorSeen, FiguresReported, Record
from analytics_query.domain.retention import Kept
from analytics_query.domain.rollups import Figures, Key, Rollup
from analytics_query.domain.vocabulary import RESOLUTIONS, Dimension, Resolution, bucket_of
from analytics_query.handlers.projecting import Projector
from analytics_query.ports import Position
from contracts import streams, subjects
from contracts.batches import Batch, ItemT
from contracts.decided import DecidedEvent, DecidedKind
from contracts.events import EVENT_TYPES, QUESTION_KINDS, EventBase
from servicekit.bus import Outgoing, Received
from servicekit.inbox import producer_name
from tests.support.examples import FULL, MINIMAL, NOW, event

PRODUCER = "spool-1"

Item = EventBase | DecidedEvent
Dump = dict[str, dict[Any, Any]]

TABLES = {
    "rollups": "SELECT dimension, entity, resolution, bucket, figures, spreads FROM rollups",
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
            self.state.rollups[key] = (orjson.dumps(figures.plain_json()), orjson.dumps(figures.spreads_json()))

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
        for key, (plain, spreads) in self.state.rollups.items():
            bucket = datetime.fromtimestamp(key.bucket_s, UTC)
            place = (key.dimension.value, key.entity, key.resolution.value, bucket)
            dump["rollups"][place] = (orjson.loads(plain), orjson.loads(spreads))
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
    *words, _, count = groups.get((seen.fingerprint,), (*first, seen.seen_at, 0))
    groups[seen.fingerprint,] = (*words, seen.seen_at, count + 1)
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
    plain, spreads = state.rollups[key]
    return Figures.from_json(orjson.loads(plain), orjson.loads(spreads))


def _newest_first(key: AttemptKey) -> tuple[str, int, str]:
    return key.task_id, -key.attempt, key.worker_id


@dataclass(frozen=True)
class Sealed:
    """A batch as it is delivered."""

    stream: str
    received: Received[Batch[Any]]


class History:
    """A made-up history: tasks, their attempts, and everything that workers may say, at random but repeatable.

    The seed keeps one history's tasks apart from another's: an attempt is assigned once.
    """

    def __init__(self, seed: int, tasks: int = 3, events: int = 60) -> None:
        self._random = random.Random(seed)
        self._ids = (seed % 2**16) << 24
        self.items: list[Item] = []
        self._tasks = [f"task-{seed}-{number}" for number in range(tasks)]
        for task_id in self._tasks:
            self._live(task_id)
        self.items += [self._event([*self._tasks, f"task-{seed}-unheard", None]) for _ in range(events)]
        self.items += [self._question(), self._sample()]

    def sealed(self, producer: str = PRODUCER) -> list[Sealed]:
        """The history in batches, as it happened."""
        by_subject: dict[str, list[Item]] = {}
        batches: list[list[Item]] = []
        for item in self.items:
            open_batch = by_subject.get(subject_of(item))
            if open_batch is None or self._random.random() < 0.3:
                open_batch = by_subject[subject_of(item)] = []
                batches.append(open_batch)
            open_batch.append(item)
        return [seal(batch, number, producer) for number, batch in enumerate(batches, 1)]

    def disturbed(self, batches: Sequence[Sealed]) -> list[Sealed]:
        """The same batches in any order, some of them again and again."""
        again = [one for one in batches if self._random.random() < 0.4]
        mixed = [*batches, *again, *again[: len(again) // 2]]
        self._random.shuffle(mixed)
        return mixed

    def _next_id(self, at: datetime) -> str:
        self._ids += 1
        ms = int(at.timestamp() * 1000)
        return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7000-8000-{self._ids:012x}"

    def _at(self) -> datetime:
        return NOW + timedelta(
            milliseconds=self._random.choice([50, 5_000, 3_600_000, 90_000_000]) * self._random.random()
        )

    def _tell(self, kind: DecidedKind, at: datetime, data: dict[str, Any] | None = None, **about: Any) -> None:
        event_id = self._next_id(at)
        self.items.append(DecidedEvent(event_id=event_id, kind=kind, occurred_at=at, data=data or {}, **about))

    def _live(self, task_id: str) -> None:
        chance = self._random.random
        traits: dict[str, Any] = {"repository": self._random.choice(["r1", "r2", None]), "agent": "auditor"}
        about = {key: value for key, value in traits.items() if value}
        at = self._at()
        if chance() < 0.8:
            self._tell(DecidedKind.task_queued, at, about, task_id=task_id)
        for attempt in range(1, self._random.randint(1, 3) + 1):
            whose: dict[str, Any] = {"task_id": task_id, "attempt": attempt, "worker_id": f"w{attempt % 2 + 1}"}
            self._tell(DecidedKind.task_assigned, at := at + timedelta(seconds=chance() * 10), about, **whose)
            if chance() < 0.7:
                self._tell(DecidedKind.task_running, at := at + timedelta(seconds=chance()), **whose)
            if chance() < 0.9:
                ends = [DecidedKind.task_completed, DecidedKind.task_failed, DecidedKind.task_requeued]
                self._tell(self._random.choice(ends), at := at + timedelta(seconds=chance() * 4_000), **whose)

    def _event(self, tasks: Sequence[str | None]) -> EventBase:
        kind = self._random.choice(sorted(EVENT_TYPES))
        at, task_id = self._at(), self._random.choice(tasks)
        if kind in ("registered", "stream", "tool_call"):
            task_id = None if kind == "registered" else self._tasks[0]
        attempt = None if task_id is None else self._random.randint(1, 3)
        envelope = {
            "event_id": self._next_id(at),
            "task_id": task_id,
            "attempt": attempt,
            "worker_id": f"w{(attempt or 1) % 2 + 1}" if self._random.random() < 0.9 else "rogue",
            "seq": self._random.randint(0, 20),
            "occurred_at": at,
            "evidence": self._random.choice(["reported", "observed", "verified"]),
        }
        return event(kind, self._body(kind), **envelope)

    def _body(self, kind: str) -> dict[str, Any]:
        body = copy.deepcopy(self._random.choice([FULL, FULL, MINIMAL])[kind])
        if kind == "progress":
            body["phase"] = self._random.choice(["design", "implementation", "tests"])
        if kind == "token_usage":
            body |= {"input_tokens": self._random.randint(0, 2**53), "cost_usd": self._random.random()}
        if kind == "milestone":
            body["milestone_type"] = self._random.choice(["bug_fixed", "test_passed"])
        return body

    def _question(self) -> DecidedEvent:
        at = self._at()
        data: dict[str, Any] = {
            "question_type": "technical",
            "state": "auto_answered",
            "asked_at": NOW.isoformat(),
        }
        about: dict[str, Any] = {"question_id": "q-1", "worker_id": "w1"}
        kind = DecidedKind.question_answered
        return DecidedEvent(event_id=self._next_id(at), kind=kind, occurred_at=at, data=data, **about)

    def _sample(self) -> DecidedEvent:
        at = self._at()
        queue = {"queued": 3, "assigned": 1, "running": 2, "oldest_queued_ms": 40, "workers_online": 2}
        worker = {"worker_id": "w1", "slots_total": 3, "slots_free": 1, "cpu_percent": 20.5, "round_trip_ms": 0.4}
        data = {"every_ms": 10_000, "queue": queue, "workers": [worker]}
        return DecidedEvent(
            event_id=self._next_id(at), kind=DecidedKind.worker_sampled, occurred_at=at, data=cast(Any, data)
        )


def subject_of(item: Item) -> str:
    """Where an event or a decision is published."""
    if isinstance(item, DecidedEvent):
        return subjects.for_decided(item.kind)
    return subjects.for_event(cast(Any, item).kind, item.worker_id, item.task_id)


def seal(items: Sequence[Item], number: int, producer: str = PRODUCER) -> Sealed:
    """A batch of one subject."""
    first = items[0]
    if isinstance(first, DecidedEvent):
        stream = streams.EVENTS
    else:
        stream = streams.QUESTIONS if cast(Any, first).kind in QUESTION_KINDS else streams.TELEMETRY
    batch = Batch[Any](producer=producer, batch=number, events=list(items))
    return Sealed(stream, Received(batch, Msg(cast(Any, None), subject=subject_of(first))))


def outgoing(batches: Sequence[Sealed]) -> list[Outgoing]:
    """The batches as they are published."""
    return [
        Outgoing(one.received.subject, one.received.batch.message_id, one.received.batch.to_json()) for one in batches
    ]


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
