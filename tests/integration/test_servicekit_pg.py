from datetime import UTC, datetime, timedelta, timezone

import asyncpg
import orjson
import pytest
from sqlalchemy import text

from servicekit.pg import Database as Pg
from servicekit.pg import is_transient
from servicekit.settings import ServiceSettings
from tests.support.samples import Counted, sample
from tests.support.stack import Database, TestPostgres
from tests.support.waiting import eventually


def settings(database: Database, **more: object) -> ServiceSettings:
    known = {name.lower(): value for name, value in database.env("orchestrator").items()}
    return ServiceSettings.model_validate(known | more)


async def answers(db: Pg) -> bool:
    try:
        await db.check()
    except Exception as error:
        if not is_transient(error):
            raise
        return False
    return True


async def test_json_goes_in_and_comes_out_as_python_values(database: Database) -> None:
    db = await Pg.connect(settings(database), "orchestrator")
    value = {"a": [1, None, "ä"], "b": {"c": 1.5}}
    assert await db.pool.fetchval("SELECT $1::jsonb", value) == value
    assert await db.pool.fetchval("SELECT $1::json", value) == value
    assert await db.pool.fetchval("SELECT $1::jsonb[]", [value, 1]) == [value, 1]
    assert await db.pool.fetchval("SELECT $1::jsonb", orjson.Fragment(b'{"raw":1}')) == {"raw": 1}
    assert await db.pool.fetchval("SELECT $1::jsonb IS NULL", None) is True
    await db.close()


async def test_times_keep_their_microseconds_and_naive_ones_are_refused(database: Database) -> None:
    db = await Pg.connect(settings(database), "orchestrator")
    moment = datetime(1969, 7, 20, 20, 17, 40, 123456, tzinfo=timezone(timedelta(hours=-5)))
    answer = await db.pool.fetchval("SELECT $1::timestamptz", moment)
    assert answer == moment
    assert answer.tzinfo is UTC
    assert await db.pool.fetchval("SELECT $1::timestamptz[]", [moment]) == [moment]
    with pytest.raises(asyncpg.DataError, match="without a time zone"):
        await db.pool.fetchval("SELECT $1::timestamptz", datetime(2026, 1, 1))
    await db.close()


async def test_a_session_has_its_schema_and_its_timeouts(database: Database) -> None:
    db = await Pg.connect(settings(database, postgres_statement_timeout_ms=1234), "orchestrator")
    assert await db.pool.fetchval("SELECT current_schema") == "orchestrator"
    assert await db.pool.fetchval("SHOW statement_timeout") == "1234ms"
    assert await db.pool.fetchval("SHOW lock_timeout") == "10s"
    assert await db.pool.fetchval("SHOW idle_in_transaction_session_timeout") == "30s"
    await db.close()


async def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    db = await Pg.connect(settings(database), "orchestrator")
    owner = await asyncpg.connect(database.dsn("orchestrator", owner=True))
    await owner.execute("CREATE TABLE thing (id int)")
    await owner.close()

    async def fail() -> None:
        async with db.transaction() as connection:
            await connection.execute("INSERT INTO thing VALUES (1)")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await db.pool.fetchval("SELECT count(*) FROM thing") == 0
    async with db.transaction() as connection:
        await connection.execute("INSERT INTO thing VALUES (1)")
    assert await db.pool.fetchval("SELECT count(*) FROM thing") == 1
    await db.close()


async def test_the_engine_sees_the_same_schema_and_json(database: Database) -> None:
    db = await Pg.connect(settings(database), "orchestrator")
    async with db.engine.connect() as connection:
        assert (await connection.execute(text("SELECT current_schema"))).scalar_one() == "orchestrator"
        assert (await connection.execute(text("""SELECT '{"a": 1}'::jsonb"""))).scalar_one() == {"a": 1}
    await db.close()


async def test_a_database_is_made_while_the_server_is_away_and_outlives_its_absence(
    postgres: TestPostgres, database: Database
) -> None:
    postgres.stop()
    try:
        db = await Pg.connect(settings(database, postgres_connect_timeout_ms=500), "orchestrator")
        assert not await answers(db)
    finally:
        postgres.start()
    # Within the connect timeout, which a busy machine may miss once.
    await eventually(lambda: answers(db))
    postgres.kill()
    try:
        assert not await answers(db)
        assert not await answers(db)
    finally:
        postgres.start()
    await eventually(lambda: answers(db))
    await db.close()


async def test_work_is_done_again_after_its_connection_was_lost(database: Database, postgres: TestPostgres) -> None:
    db = await Pg.connect(settings(database), "orchestrator")
    pids: list[int] = []

    async def work(connection: asyncpg.Connection) -> int:
        pids.append(await connection.fetchval("SELECT pg_backend_pid()"))
        if len(pids) == 1:
            async with postgres.connect(database.name) as admin:
                await admin.execute(f"SELECT pg_terminate_backend({pids[0]})")
        return await connection.fetchval("SELECT 42")

    assert await db.run(work) == 42
    assert len(pids) == 2
    await db.close()


async def test_a_wrong_statement_is_not_tried_again(database: Database) -> None:
    db = await Pg.connect(settings(database), "orchestrator")
    tries: list[int] = []

    async def work(connection: asyncpg.Connection) -> None:
        tries.append(1)
        await connection.execute("SELECT nothing_of_the_kind")

    with pytest.raises(asyncpg.UndefinedColumnError):
        await db.run(work)
    assert len(tries) == 1
    await db.close()


async def test_a_migration_under_a_running_service_costs_it_no_work(database: Database) -> None:
    db = await Pg.connect(settings(database, postgres_pool_size=1), "orchestrator")
    owner = await asyncpg.connect(database.dsn("orchestrator", owner=True))
    await owner.execute("CREATE TABLE thing (id int); INSERT INTO thing VALUES (1)")
    tries: list[int] = []

    async def work(connection: asyncpg.Connection) -> dict[str, object]:
        tries.append(1)
        return dict(await connection.fetchrow("SELECT * FROM thing") or {})

    assert await db.run(work) == {"id": 1}
    await owner.execute("ALTER TABLE thing ADD COLUMN name text")
    assert await db.run(work) == {"id": 1, "name": None}
    assert len(tries) == 3
    await owner.close()
    await db.close()


async def test_connections_in_use_waits_and_failures_are_shown(database: Database) -> None:
    counted, of_it = Counted(), {"schema": "of_this_test"}
    db = await Pg.connect(settings(database, postgres_pool_size=2), "of_this_test")
    assert counted("mews_postgres_pool_connections", **of_it) == 2
    in_use = sample("mews_postgres_pool_in_use", **of_it) or 0
    async with db.acquire():
        assert sample("mews_postgres_pool_in_use", **of_it) == in_use + 1
    with pytest.raises(asyncpg.DeadlockDetectedError):
        async with db.transaction():
            raise asyncpg.DeadlockDetectedError
    with pytest.raises(ValueError, match="no fault of the database"):
        async with db.transaction():
            raise ValueError("no fault of the database")
    assert counted("mews_postgres_failures_total", **of_it) == 1
    assert counted("mews_postgres_acquire_seconds_count", **of_it) == 3
    await db.close()
    assert counted("mews_postgres_pool_connections", **of_it) == 0
