"""The orchestrator's schema: as the models say, with the reference's columns, and its invariants in the database."""

import asyncpg
import pytest

from orchestrator import app
from orchestrator.tables import NAMES
from servicekit.migrations import run_migrations
from tests.support.schema import schema_differences, settings_of
from tests.support.stack import Database

REFERENCE = {
    "tasks": "task_id description status priority assigned_worker created_at started_at completed_at "
    "execution_time_ms analytics",
    "workers": "worker_id worker_type hostname status capabilities system_info last_heartbeat tasks_completed "
    "tasks_failed",
}
TASK = """
    INSERT INTO tasks (task_id, description, status, priority, created_at, requirements, max_attempts, body_hash,
        demand_key, work_key, rank_at)
    VALUES ($1, 'x', $2, 'low', now(), '{}', 1, '', '', '', now())
"""
WORKER = """
    INSERT INTO workers (worker_id, worker_type, hostname, status, capabilities, system_info, incarnation, tags,
        slots_total, registered_at, version)
    VALUES ('w1', 'unified', 'h', 'online', '[]', '{}', 'i', '[]', $1, now(), '0')
"""
ATTEMPT = """
    INSERT INTO attempts (task_id, attempt, worker_id, state, epoch, assigned_at, ended_at)
    VALUES ($1, $2, $3, $4::text, 1, now(), CASE WHEN $4::text IN ('assigned', 'running') THEN NULL ELSE now() END)
"""


async def test_models_are_what_migrations_make(database: Database) -> None:
    assert await schema_differences(database, app.SCHEMA, app.MIGRATIONS, NAMES) == []


@pytest.mark.parametrize("table", REFERENCE)
async def test_the_first_columns_are_the_references(database: Database, table: str) -> None:
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings_of(database, app.SCHEMA))
    conn = await asyncpg.connect(database.dsn(app.SCHEMA))
    rows = await conn.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position", table
    )
    await conn.close()
    names = REFERENCE[table].split()
    assert [row["column_name"] for row in rows][: len(names)] == names


async def test_the_database_refuses_what_can_never_be(database: Database) -> None:
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings_of(database, app.SCHEMA))
    conn = await asyncpg.connect(database.dsn(app.SCHEMA))
    await conn.execute(TASK, "t1", "queued")
    with pytest.raises(asyncpg.CheckViolationError, match="workers_slots_not_negative"):
        await conn.execute(WORKER, -1)
    await conn.execute(WORKER, 1)
    with pytest.raises(asyncpg.CheckViolationError, match="tasks_status_known"):
        await conn.execute(TASK, "t2", "exploded")
    with pytest.raises(asyncpg.CheckViolationError, match="tasks_budget_kept"):
        await conn.execute("UPDATE tasks SET burned = 2")
    await conn.execute(ATTEMPT, "t1", 1, "w1", "running")
    with pytest.raises(asyncpg.UniqueViolationError, match="attempts_one_live"):
        await conn.execute(ATTEMPT, "t1", 2, "w1", "assigned")
    await conn.execute(ATTEMPT, "t1", 2, "w1", "lost")
    with pytest.raises(asyncpg.CheckViolationError, match="attempts_live_until_ended"):
        await conn.execute("UPDATE attempts SET state = 'running' WHERE state = 'lost'")
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="attempts_worker"):
        await conn.execute(ATTEMPT, "t1", 3, "w2", "lost")
    await conn.close()
