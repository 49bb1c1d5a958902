"""The orchestrator's schema: as the models say, with the reference's columns, and its invariants in the database."""

import asyncio
from collections.abc import AsyncGenerator

import asyncpg
import pytest

from orchestrator import app
from orchestrator.tables import NAMES
from servicekit.migrations import run_migrations
from tests.support.schema import schema_differences, settings_of
from tests.support.stack import Database
from tests.support.waiting import eventually

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

BEGIN = """
    WITH task AS (UPDATE tasks SET status = 'assigned', attempt = $2 WHERE task_id = $1 RETURNING task_id)
    INSERT INTO attempts (task_id, attempt, worker_id, state, epoch, assigned_at)
    SELECT task_id, $2, 'w1', 'assigned', 1, now() FROM task
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


@pytest.fixture
async def conn(database: Database) -> AsyncGenerator[asyncpg.Connection]:
    """A connection of the runtime role to a migrated schema with one worker of one slot."""
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings_of(database, app.SCHEMA))
    made = await asyncpg.connect(database.dsn(app.SCHEMA))
    await made.execute(WORKER, 1)
    yield made
    await made.close()


async def begin(conn: asyncpg.Connection, task_id: str, attempt: int = 1) -> None:
    """A task, and a live attempt of it, as one statement: neither may be without the other."""
    await conn.execute(TASK, task_id, "queued")
    await conn.execute(BEGIN, task_id, attempt)


async def test_the_database_refuses_what_can_never_be(conn: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="workers_slots_not_negative"):
        await conn.execute("UPDATE workers SET slots_total = -1")
    with pytest.raises(asyncpg.CheckViolationError, match="tasks_status_known"):
        await conn.execute(TASK, "t2", "exploded")
    await begin(conn, "t1")
    with pytest.raises(asyncpg.CheckViolationError, match="tasks_budget_kept"):
        await conn.execute("UPDATE tasks SET burned = 2")
    with pytest.raises(asyncpg.UniqueViolationError, match="attempts_one_live"):
        await conn.execute(ATTEMPT, "t1", 2, "w1", "assigned")
    await conn.execute(ATTEMPT, "t1", 2, "w1", "lost")
    with pytest.raises(asyncpg.CheckViolationError, match="attempts_live_until_ended"):
        await conn.execute("UPDATE attempts SET state = 'running' WHERE state = 'lost'")
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="attempts_worker"):
        await conn.execute(ATTEMPT, "t1", 3, "w2", "lost")
    for column, value in (("failure_class", "'odd'"), ("crashes", "-1")):
        for table in ("tasks", "attempts"):
            with pytest.raises(asyncpg.CheckViolationError, match=f"{table}_{column}"):
                await conn.execute(f"UPDATE {table} SET {column} = {value}")


def broken(error: asyncpg.PostgresError) -> str | None:
    """The constraint that a statement would have broken."""
    return getattr(error, "constraint_name", None)


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE tasks SET status = 'completed'",
        "UPDATE tasks SET status = 'queued'",
        "UPDATE tasks SET attempt = 2",
        "UPDATE attempts SET state = 'lost', ended_at = now()",
        "DELETE FROM attempts",
        "INSERT INTO attempts SELECT 'free', 1, worker_id, state, epoch, assigned_at FROM attempts",
    ],
)
async def test_a_task_is_live_as_long_as_its_attempt_and_no_longer(conn: asyncpg.Connection, wrong: str) -> None:
    await begin(conn, "t1")
    await conn.execute(TASK, "free", "queued")
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await conn.execute(wrong)
    assert broken(refused.value) == "task_agrees_with_attempt"
    rows = await conn.fetch(
        "SELECT task.status, attempt.state FROM tasks AS task JOIN attempts AS attempt USING (task_id)"
    )
    assert [tuple(row) for row in rows] == [("assigned", "assigned")]


async def test_a_task_cannot_be_made_live(conn: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await conn.execute(TASK, "t1", "running")
    assert broken(refused.value) == "task_agrees_with_attempt"


async def test_what_one_transaction_ends_in_two_steps_is_looked_at_when_both_are_done(conn: asyncpg.Connection) -> None:
    await begin(conn, "t1")
    async with conn.transaction():
        await conn.execute("UPDATE attempts SET state = 'failed', ended_at = now()")
        await conn.execute("UPDATE tasks SET status = 'queued'")
    await conn.execute(BEGIN, "t1", 2)
    async with conn.transaction():
        await conn.execute("UPDATE tasks SET status = 'failed'")
        await conn.execute("UPDATE attempts SET state = 'failed', ended_at = now() WHERE ended_at IS NULL")


async def test_no_worker_holds_more_than_its_slots_and_one_helping_task(conn: asyncpg.Connection) -> None:
    await begin(conn, "t1")
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await begin(conn, "t2")
    assert broken(refused.value) == "attempts_within_slots"
    for task_id in ("help-1", "help-2"):
        await conn.execute(TASK, task_id, "queued")
    await conn.execute("UPDATE tasks SET collaboration = '{}' WHERE task_id LIKE 'help-%'")
    await conn.execute(BEGIN, "help-1", 1)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await conn.execute(BEGIN, "help-2", 1)
    assert broken(refused.value) == "attempts_within_slots"
    # What runs already goes on when a worker has fewer slots than before.
    await conn.execute("UPDATE workers SET slots_total = 0")


async def test_two_that_place_at_once_do_not_give_a_worker_more_than_its_slots(
    conn: asyncpg.Connection, database: Database
) -> None:
    for task_id in ("t1", "t2"):
        await conn.execute(TASK, task_id, "queued")
    other = await asyncpg.connect(database.dsn(app.SCHEMA))

    async def waits() -> bool:
        return await conn.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 1

    try:
        async with conn.transaction():
            await conn.execute(BEGIN, "t1", 1)
            second = asyncio.create_task(other.execute(BEGIN, "t2", 1))
            await eventually(waits)
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await second
    finally:
        await other.close()
    assert broken(refused.value) == "attempts_within_slots"
