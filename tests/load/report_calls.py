"""Which reports are asked for, about what, and the plain SQL that answers the same."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from tests.load import plain_sql
from tests.load.fleet.shape import Shape

TIME_RANGES = ("last_24_hours", "last_7_days", "last_30_days")
SOME_TASKS = """
    SELECT task_id FROM decided_events WHERE kind = 'task.completed' ORDER BY md5(task_id) LIMIT 500
"""
WORKERS = """
    SELECT worker_id FROM decided_events WHERE kind = 'task.completed' GROUP BY worker_id
    ORDER BY count(*) DESC, worker_id
"""
Json = dict[str, Any]


@dataclass(frozen=True)
class Subjects:
    """What can be asked about, the busiest first."""

    workers: Sequence[str]
    repositories: Sequence[str]
    tasks: Sequence[str]


@dataclass(frozen=True)
class Call:
    """One way to ask for one report."""

    name: str
    path: str
    params: Json
    sql: str
    about: Any = None
    """The last argument of the SQL, if it has one."""
    is_timed: bool = True
    """Whether the SQL takes both ends of the time before it."""

    def arguments(self, since: datetime, until: datetime) -> list[Any]:
        """Those of the SQL."""
        return ([since, until] if self.is_timed else []) + ([] if self.about is None else [self.about])


Maker = Callable[[Subjects, random.Random, str], Call]


async def subjects_of(connection: asyncpg.Connection, shape: Shape) -> Subjects:
    """The entities of a history that was filled."""
    tasks = [row["task_id"] for row in await connection.fetch(SOME_TASKS)]
    workers = [row["worker_id"] for row in await connection.fetch(WORKERS)]
    return Subjects(workers, shape.repository_names, tasks)


def _analytics(subjects: Subjects, chance: random.Random, time_range: str) -> Call:
    worker = chance.choice(subjects.workers)
    params = {"entity_type": "worker", "entity_id": worker, "time_range": time_range}
    return Call("get_analytics, worker", "/v1/analytics", params, plain_sql.WORKERS, [worker])


def _system_analytics(subjects: Subjects, chance: random.Random, time_range: str) -> Call:
    params = {"entity_type": "system", "time_range": time_range}
    return Call("get_analytics, system", "/v1/analytics", params, plain_sql.SYSTEM)


def _performance(report_type: str, entity_ids: Sequence[str], time_range: str, sql: str, about: Any) -> Call:
    params = {"report_type": report_type, "entity_id": list(entity_ids), "time_range": time_range}
    return Call(f"performance_report, {report_type}", "/v1/reports/performance", params, sql, about)


def _task(subjects: Subjects, chance: random.Random, time_range: str) -> Call:
    task = chance.choice(subjects.tasks)
    return _performance("task", [task], time_range, plain_sql.TASK, task)


def _worker(subjects: Subjects, chance: random.Random, time_range: str) -> Call:
    worker = chance.choice(subjects.workers)
    return _performance("worker", [worker], time_range, plain_sql.WORKERS, [worker])


def _system(subjects: Subjects, chance: random.Random, time_range: str) -> Call:
    return _performance("system", [], time_range, plain_sql.SYSTEM, None)


def _comparative(subjects: Subjects, chance: random.Random, time_range: str) -> Call:
    workers = chance.sample(list(subjects.workers), chance.randrange(2, min(9, len(subjects.workers))))
    return _performance("comparative", workers, time_range, plain_sql.WORKERS, workers)


def _quality(subjects: Subjects, chance: random.Random, time_range: str) -> Call:
    repository = chance.choice(subjects.repositories)
    params = {"entity_type": "repository", "entity_id": repository, "time_range": time_range}
    return Call("quality_dashboard", "/v1/reports/quality", params, plain_sql.QUALITY, repository)


def _decisions(subjects: Subjects, chance: random.Random, time_range: str) -> Call:
    return Call("analyze_decisions", "/v1/reports/decisions", {"time_range": time_range}, plain_sql.DECISIONS)


def _errors(subjects: Subjects, chance: random.Random, time_range: str) -> Call:
    params = {"time_range": time_range, "include_recovery": True}
    return Call("error_analysis", "/v1/reports/errors", params, plain_sql.ERRORS)


def _facts(subjects: Subjects, chance: random.Random, time_range: str) -> Call:
    task = chance.choice(subjects.tasks)
    return Call("facts of a task", f"/v1/tasks/{task}/facts", {}, plain_sql.FACTS, task, is_timed=False)


MAKERS: dict[str, Maker] = {
    "get_analytics, worker": _analytics,
    "get_analytics, system": _system_analytics,
    "performance_report, task": _task,
    "performance_report, worker": _worker,
    "performance_report, system": _system,
    "performance_report, comparative": _comparative,
    "quality_dashboard": _quality,
    "analyze_decisions": _decisions,
    "error_analysis": _errors,
    "facts of a task": _facts,
}
"""By report, what makes calls of it."""


def calls_of(name: str, subjects: Subjects, count: int, seed: int) -> list[Call]:
    """So many calls of a report, about various entities and stretches of time."""
    chance = random.Random(seed)
    return [MAKERS[name](subjects, chance, TIME_RANGES[n % len(TIME_RANGES)]) for n in range(count)]
