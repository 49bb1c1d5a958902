"""Statements on rows that are named by their keys find these by their keys, even where nothing was analysed."""

from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
import pytest

from orchestrator import app
from orchestrator.store import PLANNER
from orchestrator.store.attempts import CLOSE, COMPLETE, MARK_PUBLISHED
from orchestrator.store.dispatching import ASSIGN
from orchestrator.store.tasks import ADVANCE, BEGIN, CLAIM, TIME_OUT, WENT_ON
from servicekit.migrations import run_migrations
from tests.support.schema import settings_of
from tests.support.stack import Database

MANY = 500
NAMES = [f"task-{number:04}" for number in range(MANY)]
ONES, WORKERS, NOTHING = [1] * MANY, ["w1"] * MANY, [None] * MANY
NOW = datetime(2026, 11, 23, tzinfo=UTC)
FILL = (
    """
    INSERT INTO workers (worker_id, worker_type, hostname, status, capabilities, system_info, incarnation, tags,
        slots_total, registered_at, version)
    VALUES ('w1', 'unified', 'h', 'online', '[]', '{}', 'i', '[]', 9999, now(), '0')
    """,
    """
    INSERT INTO tasks (task_id, description, status, priority, created_at, requirements, max_attempts, body_hash,
        demand_key, work_key, rank_at, attempt, assigned_worker)
    SELECT 'task-' || to_char(number, 'FM0000'), 'x', 'assigned', 'low', now(), '{}', 1, '', '', '', now(), 1, 'w1'
    FROM generate_series(0, 1999) AS number
    """,
    """
    INSERT INTO attempts (task_id, attempt, worker_id, state, epoch, assigned_at)
    SELECT task_id, 1, 'w1', 'assigned', 1, now() FROM tasks
    """,
)
STATEMENTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "close": (CLOSE, (NAMES, ONES, WORKERS, ["failed"] * MANY, NOTHING, NOTHING, NOW, NOTHING, ONES)),
    "complete": (COMPLETE, (NAMES, ONES, WORKERS, NOTHING, ONES, ["{}"] * MANY, ["{}"] * MANY, NOW, "event.task", {})),
    "mark": (MARK_PUBLISHED, (NAMES, ONES, NOW)),
    "assign": (
        ASSIGN,
        (NAMES, ONES, WORKERS, ["{}"] * MANY, NOW, "dispatch", "me", 1, "event.task", {}, NOTHING),
    ),
    "time out": (TIME_OUT, (NAMES, ONES, NOTHING, NOW)),
    "begin": (BEGIN, (NAMES, ONES, WORKERS, ["{}"] * MANY, [NOW] * MANY, [False] * MANY, NOW)),
    "advance": (ADVANCE, (NAMES, ONES, WORKERS, ["{}"] * MANY, [NOW] * MANY, [False] * MANY, NOW)),
    "go on": (WENT_ON, (NAMES, ONES, NOW)),
    "claim": (CLAIM, (NAMES, ONES, WORKERS, ["{}"] * MANY)),
}


@pytest.fixture
async def connection(database: Database) -> AsyncGenerator[asyncpg.Connection]:
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings_of(database, app.SCHEMA))
    made = await asyncpg.connect(database.dsn(app.SCHEMA), server_settings=PLANNER)
    await made.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads
    )
    async with made.transaction():
        for statement in FILL:
            await made.execute(statement)
    yield made
    await made.close()


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of tasks and attempts in a plan."""
    if plan.get("Relation Name") in {"tasks", "attempts"} and plan["Node Type"] != "ModifyTable":
        yield plan
    for part in plan.get("Plans", ()):
        yield from scans(part)


@pytest.mark.parametrize("name", STATEMENTS)
async def test_named_rows_are_found_by_their_keys(connection: asyncpg.Connection, name: str) -> None:
    statement, arguments = STATEMENTS[name]
    told = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *arguments)
    [explained] = orjson.loads(told) if isinstance(told, str) else told
    found = list(scans(explained["Plan"]))
    assert found
    assert [one for one in found if "task_id" not in one.get("Index Cond", "")] == []
