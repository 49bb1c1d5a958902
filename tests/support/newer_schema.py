"""A schema one version newer than the code: what an expand step of the next version would have made of it."""

import asyncpg

from servicekit.migrations import current_revision, run_migrations
from tests.support.schema import settings_of
from tests.support.stack import Database

REVISION = "one_newer"
TABLES = """
    SELECT quote_ident(relname) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> 'alembic_version'
"""
EXPAND = """
    ALTER TABLE {table}
        ADD COLUMN newer_text text,
        ADD COLUMN newer_count integer NOT NULL DEFAULT 7
"""


async def migrate_beyond(database: Database, package: str, schema: str) -> list[str]:
    """Migrate to this code's head, then add columns to every table, and a table; the tables that were changed."""
    await run_migrations(package, schema, settings_of(database, schema))
    owner = await asyncpg.connect(database.dsn(schema, owner=True))
    try:
        tables = [row[0] for row in await owner.fetch(TABLES)]
        for table in tables:
            await owner.execute(EXPAND.format(table=table))
        await owner.execute("CREATE TABLE newer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)")
        await owner.execute("UPDATE alembic_version SET version_num = $1", REVISION)
    finally:
        await owner.close()
    return tables


async def revision_of(database: Database, schema: str) -> str | None:
    """At which revision the schema is."""
    owner = await asyncpg.connect(database.dsn(schema, owner=True))
    try:
        return await current_revision(owner)
    finally:
        await owner.close()
