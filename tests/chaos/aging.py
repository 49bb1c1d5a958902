"""What is too old: put into a running platform, and looked for again, in SQL and files of our own.

Nothing of a run gets older than a day, and policies count in days. So a round puts old things there, beside their like
that must stay, and lets the platform look for them every few seconds.
"""

import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import asyncpg

from servicekit.clock import SystemClock

SETTINGS: Mapping[str, str] = {
    "RETENTION_TICK_MS": "5000",
    "TASK_RETENTION_DAYS": "1",
    "EXPERIENCE_RETENTION_DAYS": "1",
    "INBOX_RETENTION_DAYS": "1",
    "TASK_ATTEMPT_RETENTION_DAYS": "1",
    "ANALYTICS_RETENTION_DAYS": "1",
    "QUESTION_RETENTION_DAYS": "1",
    "ATTEMPT_RETENTION_DAYS": "1",
    "DEAD_LETTER_RETENTION_DAYS": "1",
    # Longer than a clock is wrong.
    "LOG_RETENTION_DAYS": "2",
    "WORKSPACE_RETENTION_MS": "3000",
}
LONG_AGO = timedelta(days=100)
PARTITIONS_AHEAD = 7
OLD = "old"
"""The stream of dead letters that were put there, and the consumer of marks."""
SCHEMAS_WITH_DEAD_LETTERS = ("orchestrator", "telemetry", "analytics", "questions", "gateway")


class Plant(NamedTuple):
    """How a thing is put there, with $1 its name (a UUIDv7) and $2 its time, and how it is found by its name."""

    what: str
    put: str
    find: str
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Aged:
    """What became of a thing that was put there. `stays`: it must be there; else it must be gone."""

    what: str
    stays: bool
    is_there: bool


def _row(what: str, table: str, values: str, key: str, *, stays: bool = False) -> Plant:
    """A row; `values` names the columns, then what goes into them, and `key` is the condition that it is that row."""
    columns, _, given = values.partition(" <- ")
    find = f"SELECT EXISTS (SELECT FROM {table} WHERE {key})"
    return Plant(f"{what} of {table}", f"INSERT INTO {table} ({columns}) SELECT {given}", find, stays)


def _letters_and_marks() -> Iterator[Plant]:
    columns = "stream, subject, payload, reason, headers, delivery, recorded_at"
    for schema in SCHEMAS_WITH_DEAD_LETTERS:
        table, marks = f"{schema}.dead_letter", f"{schema}.applied_batches"
        letter = f"'{OLD}', '', '', '', '{{}}', '%s' || $1::text, $2::timestamptz"
        seen = f"{columns}, state, settled_at <- {letter % 'dropped '}, 'dropped', $2::timestamptz"
        yield _row("a letter that was seen to", table, seen, "delivery = 'dropped ' || $1::text")
        unseen = f"{columns} <- {letter % 'open '}"
        yield _row("a letter that is open", table, unseen, "delivery = 'open ' || $1::text", stays=True)
        old = f"consumer, producer, updated_at <- '{OLD}', $1::text, $2::timestamptz"
        yield _row("an old mark", marks, old, "producer = $1::text")
        young = f"consumer, producer, updated_at <- '{OLD}', 'young ' || $1::text, greatest(now(), $2::timestamptz)"
        yield _row("a young mark", marks, young, "producer = 'young ' || $1::text", stays=True)


EVENT = "event_id, day, kind, worker_id, seq, occurred_at, recorded_at, evidence, stale, body"
AT = "$2::timestamptz, $2::timestamptz"
STRAY = "('00000000-0000-7000-8000-' || right($1::text, 12))::uuid"
PLANTS = (
    *_letters_and_marks(),
    _row(
        "a cancelled task",
        "orchestrator.tasks",
        "task_id, description, status, priority, requirements, max_attempts, body_hash, demand_key, work_key, "
        "created_at, completed_at, rank_at "
        f"<- 'task-' || $1::text, '', 'cancelled', 'low', '{{}}', 1, '', '', '', {AT}, $2::timestamptz",
        "task_id = 'task-' || $1::text",
    ),
    _row(
        "experience",
        "orchestrator.experience",
        "worker_id, work_key, last_at "
        "<- worker_id, right($1::text, 24), $2::timestamptz FROM orchestrator.workers LIMIT 1",
        "work_key = right($1::text, 24)",
    ),
    _row(
        "the attempt that a task is at",
        "telemetry.task_attempts",
        "task_id, attempt, worker_id, noted_at <- $1::text, 1, '', $2::timestamptz",
        "task_id = $1::text",
    ),
    _row(
        "an event in a partition of its day",
        "telemetry.events",
        f"{EVENT} <- $1::text::uuid, $2::timestamptz::date, 'stream', '', 1, {AT}, 'reported', false, '{{}}'",
        "event_id = $1::text::uuid",
    ),
    _row(
        "a stray event",
        "telemetry.events",
        f"{EVENT} <- {STRAY}, '1970-01-01'::date, 'stream', '', 1, {AT}, 'reported', false, '{{}}'",
        f"event_id = {STRAY}",
    ),
    _row(
        "a decision of a service",
        "telemetry.decided_events",
        f"event_id, kind, occurred_at, recorded_at, actor, data <- $1::text::uuid, 'worker.online', {AT}, '', '{{}}'",
        "event_id = $1::text::uuid",
    ),
    _row(
        "a decision of a worker",
        "analytics.decisions",
        "event_id, worker_id, decision_type, decided_at, seq, body <- $1::text::uuid, '', '', $2::timestamptz, 1, '{}'",
        "event_id = $1::text::uuid",
    ),
    _row(
        "a closed question",
        "questions.questions",
        "question_id, kind, state, worker_id, question, question_type, options, priority, asked_at, answered_at "
        f"<- $1::text, 'question', 'withdrawn', '', '', '', '[]', 'low', {AT}",
        "question_id = $1::text",
    ),
    _row(
        "an attempt that has ended",
        "questions.closed_attempts",
        "task_id, attempt, noted_at <- $1::text, 1, $2::timestamptz",
        "task_id = $1::text",
    ),
)


class Past:
    """The old things of one round."""

    def __init__(self, workspaces: Path) -> None:
        self._at = SystemClock().now() - LONG_AGO
        self._name = _id_of(self._at)
        self._workspaces = workspaces

    async def put(self, connection: asyncpg.Connection) -> None:
        """Put all of it there; and take away the last of the partitions that are made ahead."""
        day = self._at.date()
        await connection.execute("SELECT telemetry.ensure_partition($1::date)", day)
        for plant in PLANTS:
            await connection.execute(plant.put, self._name, self._at)
        await connection.execute(f"DROP TABLE IF EXISTS telemetry.{_ahead()}")
        for folder in self._abandoned():
            _make_workspace(folder, self._at)

    async def look(self, connection: asyncpg.Connection) -> list[Aged]:
        """What became of it."""
        found = [Aged(one.what, one.stays, await connection.fetchval(one.find, self._name)) for one in PLANTS]
        ahead = await connection.fetchval("SELECT to_regclass('telemetry.' || $1::text) IS NOT NULL", _ahead())
        found.append(Aged("a partition of days to come", stays=True, is_there=ahead))
        for folder in self._abandoned():
            found.append(Aged(f"an abandoned workspace of {folder.parent.name}", stays=False, is_there=folder.exists()))
        return found

    def _abandoned(self) -> Iterable[Path]:
        return [place / f"task-{self._name}.1" for place in sorted(self._workspaces.iterdir())]


def workspaces_in(folder: Path) -> list[str]:
    """The workspaces that are there, as `<worker>/<task>.<attempt>`."""
    return [f"{path.parent.name}/{path.name}" for path in sorted(folder.glob("*/*")) if not path.name.startswith(".")]


def _ahead() -> str:
    return f"events_{SystemClock().now().date() + timedelta(days=PARTITIONS_AHEAD):%Y%m%d}"


def _id_of(moment: datetime) -> str:
    """A UUIDv7 of that time."""
    milliseconds = int(moment.timestamp() * 1000)
    return str(uuid.UUID(f"{milliseconds:012x}70008000{uuid.uuid4().hex[:12]}"))


def _make_workspace(folder: Path, at: datetime) -> None:
    """As the sandbox makes one, and for the user as whom it runs."""
    about = {"source": "empty", "fingerprint": "", "git": False, "base": "", "created_at": at.isoformat()}
    for path in (folder, *(folder / name for name in ("tree", "home", "tmp", "output"))):
        path.mkdir(mode=0o700)
    (folder / "about.json").write_text(json.dumps(about))
    owner = folder.parent.stat()
    for path in (folder, *folder.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)
