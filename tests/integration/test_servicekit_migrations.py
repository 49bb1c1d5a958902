import asyncio
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text

from servicekit.health import NotReady
from servicekit.migrations import MigrationFailed, current_revision, head_revision, run_migrations, schema_check
from servicekit.pg import Database as Pg
from servicekit.settings import ServiceSettings
from tests.support.schema import schema_differences
from tests.support.stack import Database, TestPostgres
from tests.support.waiting import PATIENCE_S, eventually

FIRST = """
revision = "0001"
down_revision = None
from alembic import op
import sqlalchemy as sa
def upgrade():
    op.create_table("cart", sa.Column("id", sa.Integer, primary_key=True))
"""
SECOND = """
revision = "0002"
down_revision = "0001"
from alembic import op
def upgrade():
    op.execute("ALTER TABLE cart ADD COLUMN name text")
"""
BROKEN = """
revision = "0002"
down_revision = "0001"
from alembic import op
def upgrade():
    op.execute("CREATE TABLE half (id int)")
    op.execute("SELECT nonsense")
"""


def settings(database: Database, **more: object) -> ServiceSettings:
    known = {name.lower(): value for name, value in database.env("orchestrator").items()}
    return ServiceSettings.model_validate(known | more)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"carts_{tmp_path.name.replace('-', '_')}"
    versions = tmp_path / name / "versions"
    versions.mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    (versions / "a_first.py").write_text(FIRST)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def add(tmp_path: Path, package: str, name: str, text: str) -> Path:
    file = tmp_path / package / "versions" / name
    file.write_text(text)
    return file


async def columns(database: Database) -> list[str]:
    connection = await asyncpg.connect(database.dsn("orchestrator"))
    rows = await connection.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'cart' ORDER BY 1"
    )
    await connection.close()
    return [row[0] for row in rows]


async def test_migrations_bring_a_schema_to_head_step_by_step(tmp_path: Path, database: Database, package: str) -> None:
    db = await Pg.connect(settings(database), "orchestrator")
    check = schema_check(db, package)
    with pytest.raises(NotReady, match="never migrated"):
        await check()
    assert await run_migrations(package, "orchestrator", settings(database)) == "0001"
    await check()
    add(tmp_path, package, "b_second.py", SECOND)
    newer_check = schema_check(db, package)
    with pytest.raises(NotReady, match="is at 0001, this version needs 0002"):
        await newer_check()
    assert await run_migrations(package, "orchestrator", settings(database)) == "0002" == head_revision(package)
    await newer_check()
    # The older code, which still runs, is ready on the newer schema too.
    await check()
    assert await columns(database) == ["id", "name"]
    async with db.acquire() as connection:
        assert await current_revision(connection) == "0002"
        assert await connection.fetchval("SELECT tablename FROM pg_tables WHERE schemaname = 'orchestrator' LIMIT 1")
    await db.close()


async def test_older_code_leaves_a_newer_schema_as_it_is(tmp_path: Path, database: Database, package: str) -> None:
    newer = add(tmp_path, package, "b_second.py", SECOND)
    await run_migrations(package, "orchestrator", settings(database))
    newer.unlink()
    assert await run_migrations(package, "orchestrator", settings(database)) == "0002"
    assert await columns(database) == ["id", "name"]


async def test_two_runs_at_once_are_harmless(tmp_path: Path, database: Database, package: str) -> None:
    add(tmp_path, package, "b_second.py", SECOND)
    runs = [run_migrations(package, "orchestrator", settings(database)) for _ in range(3)]
    assert await asyncio.gather(*runs) == ["0002"] * 3


async def test_a_broken_revision_leaves_the_one_before_whole(tmp_path: Path, database: Database, package: str) -> None:
    add(tmp_path, package, "b_broken.py", BROKEN)
    with pytest.raises(MigrationFailed, match='column "nonsense" does not exist'):
        await run_migrations(package, "orchestrator", settings(database))
    connection = await asyncpg.connect(database.dsn("orchestrator"))
    assert await current_revision(connection) == "0001"
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    await connection.close()


async def test_a_migration_gives_way_to_a_lock_and_gets_through_later(
    tmp_path: Path, database: Database, package: str
) -> None:
    await run_migrations(package, "orchestrator", settings(database))
    add(tmp_path, package, "b_second.py", SECOND)
    blocker = await asyncpg.connect(database.dsn("orchestrator"))
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.fetch("SELECT * FROM cart")
    run = asyncio.create_task(run_migrations(package, "orchestrator", settings(database, migration_lock_timeout_ms=50)))

    async def waits() -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER%'"
        owner = await asyncpg.connect(database.dsn("orchestrator", owner=True))
        waiting = await owner.fetchval(query)
        await owner.close()
        return waiting == 1

    await eventually(waits)
    await transaction.rollback()
    assert await asyncio.wait_for(run, PATIENCE_S) == "0002"
    await blocker.close()


async def test_a_wrong_password_is_one_sentence(database: Database, package: str) -> None:
    wrong = settings(database, postgres_owner_password="wrong")
    with pytest.raises(MigrationFailed, match="password authentication failed") as error:
        await run_migrations(package, "orchestrator", wrong)
    assert "\n" not in str(error.value)


async def test_migrations_wait_for_the_server(postgres: TestPostgres, database: Database, package: str) -> None:
    postgres.stop()
    try:
        run = asyncio.create_task(run_migrations(package, "orchestrator", settings(database)))
        ended, _ = await asyncio.wait({run}, timeout=0.3)
        assert not ended
    finally:
        postgres.start()
    assert await asyncio.wait_for(run, PATIENCE_S) == "0001"


async def test_tables_that_differ_from_the_migrations_are_told(
    tmp_path: Path, database: Database, package: str
) -> None:
    add(tmp_path, package, "b_second.py", SECOND)
    same, narrow = MetaData(), MetaData()
    Table("cart", same, Column("id", Integer, primary_key=True), Column("name", Text))
    Table("cart", narrow, Column("id", Integer, primary_key=True))
    assert await schema_differences(database, "orchestrator", package, same) == []
    assert "remove_column" in str(await schema_differences(database, "orchestrator", package, narrow))
    missing = await schema_differences(database, "orchestrator", package, MetaData())
    assert "remove_table" in str(missing)
