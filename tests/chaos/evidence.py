"""What a run left behind, as plain values: what databases, journals and the process list say."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from tests.chaos.aging import OLD, SCHEMAS_WITH_DEAD_LETTERS, Aged
from tests.chaos.audit import Audited, read_audit
from tests.chaos.errands import Errand
from tests.chaos.injecting import Injected
from tests.chaos.keeping import End, Stop, alive, marked_with
from tests.chaos.manager import Told
from tests.chaos.watching import Look

MARK = re.compile(r"u-[0-9a-f]{16}")
TASKS = """
    SELECT task_id, idempotency_key, status, attempt, burned, max_attempts, reason,
           claim->'summary'->>'overview' AS claimed, analytics->'claimed'->'summary'->>'overview' AS counted
    FROM orchestrator.tasks
"""
ATTEMPTS = "SELECT task_id, attempt, worker_id, state, assigned_at, ended_at, reason FROM orchestrator.attempts"
WORKERS = "SELECT worker_id, status, told, slots_total, tasks_completed FROM orchestrator.workers"
EVENTS = """
    SELECT event_id::text, kind, worker_id, task_id, attempt, seq, evidence, stale, body::text AS body
    FROM telemetry.events WHERE task_id IS NOT NULL
"""
DECIDED = """
    SELECT event_id::text, kind, task_id, attempt, question_id FROM telemetry.decided_events
    WHERE kind NOT LIKE 'worker.%'
"""
PROJECTED = "SELECT event_id::text FROM analytics.decisions"
QUESTIONS = "SELECT question_id, task_id, state, question, answer FROM questions.questions"
DEAD = "SELECT reason FROM {schema}.dead_letter WHERE stream <> $1"
WAITING = "SELECT (SELECT count(*) FROM {schema}.outbox) + (SELECT count(*) FROM {schema}.outbox_sealed)"
SCHEMAS_WITH_OUTBOX = ("orchestrator", "questions")


@dataclass(frozen=True, slots=True)
class Task:
    """A task, as the orchestrator has it. `claimed` and `counted` hold the id of the completion that was believed."""

    task_id: str
    key: str
    status: str
    attempt: int
    burned: int = 0
    max_attempts: int = 20
    reason: str | None = None
    claimed: str | None = None
    counted: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt, as the orchestrator has it; times in s since 1970."""

    task_id: str
    attempt: int
    worker_id: str
    state: str
    assigned_at: float
    ended_at: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker: by the orchestrator's tables, and free slots as the gateway shows them."""

    worker_id: str
    status: str
    slots_total: int
    slots_free: int | None
    tasks_completed: int = 0


@dataclass(frozen=True, slots=True)
class Logged:
    """An event in the log, with the ids that calls carried."""

    event_id: str
    kind: str
    worker_id: str
    task_id: str
    attempt: int
    seq: int
    stale: bool = False
    evidence: str = "reported"
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """What a service decided, as the log has it."""

    event_id: str
    kind: str
    task_id: str | None
    attempt: int | None
    question_id: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question, as the question-broker has it."""

    question_id: str
    task_id: str
    state: str
    answer: str | None
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One process of an agent, by its own journal."""

    task_id: str
    attempt: int
    pid: int
    ticks: int
    lines: tuple[Mapping[str, Any], ...]

    @property
    def begun_at(self) -> float:
        """When it began."""
        return self.lines[0]["at"]

    @property
    def last_at(self) -> float:
        """When it wrote its last line."""
        return self.lines[-1]["at"]

    def of(self, *did: str) -> list[Mapping[str, Any]]:
        """The lines of some kinds, in order."""
        return [line for line in self.lines if line["did"] in did]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it."""

    errands: Sequence[Errand]
    told: Told
    injected: Sequence[Injected]
    lease_s: float
    tasks: Sequence[Task] = ()
    attempts: Sequence[Attempt] = ()
    workers: Sequence[Worker] = ()
    logged: Sequence[Logged] = ()
    decided: Sequence[Decided] = ()
    projected: frozenset[str] = frozenset()
    audit: Sequence[Audited] = ()
    questions: Sequence[Question] = ()
    runs: Sequence[Run] = ()
    ends: Sequence[End] = ()
    stops: Sequence[Stop] = ()
    looks: Sequence[Look] = ()
    dead_letters: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    shown: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Task to the ids of the reports that the manager sees of it in the live streams; some tasks only."""
    unsent: Mapping[str, int] = field(default_factory=dict[str, int])
    """Rows in the outboxes."""
    alive: Sequence[str] = ()
    """Processes of agents that still run."""
    aged: Sequence[Aged] = ()
    """What became of the old things that this round has put there."""
    workspaces: Sequence[str] = ()
    """All that are there, as `<worker>/<task>.<attempt>`."""


async def read_databases(connection: asyncpg.Connection) -> dict[str, Any]:
    """The parts of the evidence that lie in PostgreSQL."""
    workers = await connection.fetch(WORKERS)
    return {
        "tasks": [_task(row) for row in await connection.fetch(TASKS)],
        "attempts": [_attempt(row) for row in await connection.fetch(ATTEMPTS)],
        "workers": [_worker(row) for row in workers],
        "logged": [_logged(row) for row in await connection.fetch(EVENTS)],
        "decided": [Decided(*row.values()) for row in await connection.fetch(DECIDED)],
        "projected": frozenset(row["event_id"] for row in await connection.fetch(PROJECTED)),
        "audit": await read_audit(connection),
        "questions": [_question(row) for row in await connection.fetch(QUESTIONS)],
        "dead_letters": {
            schema: [row["reason"] for row in await connection.fetch(DEAD.format(schema=schema), OLD)]
            for schema in SCHEMAS_WITH_DEAD_LETTERS
        },
        "unsent": {schema: await connection.fetchval(WAITING.format(schema=schema)) for schema in SCHEMAS_WITH_OUTBOX},
    }


def read_runs(folder: Path) -> list[Run]:
    """All journals of agents; one that has no line yet is of a process that did nothing yet."""
    runs: list[Run] = []
    for path in sorted(folder.glob("*.jsonl")):
        lines = tuple(_whole_lines(path))
        if lines:
            begin = lines[0]
            runs.append(Run(begin["task_id"], begin["attempt"], begin["pid"], begin["ticks"], lines))
    return runs


def still_alive(runs: Iterable[Run], mark: str) -> list[str]:
    """What still runs of agents: they, their children, and whatever has the journal's folder about it."""
    found = [f"{run.task_id}.{run.attempt}, pid {run.pid}" for run in runs if alive(run.pid, run.ticks)]
    found += [
        f"child of {run.task_id}.{run.attempt}, pid {line['pid']}"
        for run in runs
        for line in run.of("child")
        if alive(line["pid"], line["ticks"])
    ]
    return found + [f"pid {pid}: {command}" for pid, command in marked_with(mark)]


def _whole_lines(path: Path) -> Iterable[Mapping[str, Any]]:
    for line in path.read_bytes().split(b"\n"):
        try:
            yield json.loads(line)
        except ValueError:
            # The torn end of a process that was killed.
            continue


def _task(row: asyncpg.Record) -> Task:
    values = dict(row)
    return Task(key=values.pop("idempotency_key") or "", **values)


def _attempt(row: asyncpg.Record) -> Attempt:
    values = {**row}
    for name in ("assigned_at", "ended_at"):
        values[name] = _seconds(values[name])
    return Attempt(**values)


def _worker(row: asyncpg.Record) -> Worker:
    return Worker(row["worker_id"], row["told"] or row["status"], row["slots_total"], None, row["tasks_completed"])


def _logged(row: asyncpg.Record) -> Logged:
    values = {**row}
    marks = tuple(dict.fromkeys(MARK.findall(values.pop("body"))))
    return Logged(**values, marks=marks)


def _question(row: asyncpg.Record) -> Question:
    found = MARK.search(row["question"])
    return Question(row["question_id"], row["task_id"], row["state"], row["answer"], found[0] if found else None)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
