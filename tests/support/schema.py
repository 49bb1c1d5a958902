"""Whether a service's tables, as its code declares them, are what its migrations make."""

from collections.abc import Collection

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from servicekit.migrations import run_migrations
from servicekit.settings import ServiceSettings
from tests.support.stack import Database

# Made by servicekit's helpers inside a service's migrations, and by Alembic.
KIT_TABLES = frozenset(
    {"alembic_version", "outbox", "outbox_sealed", "outbox_producer", "applied_batches", "dead_letter", "leader_lease"}
)
PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits"


def settings_of(database: Database, schema: str, **more: object) -> ServiceSettings:
    """Settings by which the service that owns `schema` finds this database."""
    known = {name.lower(): value for name, value in database.env(schema).items()}
    return ServiceSettings.model_validate(known | more)


async def schema_differences(
    database: Database, schema: str, package: str, metadata: MetaData, ignore: Collection[str] = ()
) -> list[str]:
    """Migrate `schema` to head and list what Alembic would still change; an empty list means models = migrations.

    Partitions, tables of servicekit, and tables and indexes named in `ignore` are left out.
    """
    await run_migrations(package, schema, settings_of(database, schema))
    address = database.dsn(schema, owner=True).replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(address, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(
                _differences, metadata, frozenset(ignore) | KIT_TABLES - set(metadata.tables)
            )
    finally:
        await engine.dispose()


def _differences(connection: Connection, metadata: MetaData, ignore: frozenset[str]) -> list[str]:
    partitions = set(connection.execute(text(PARTITIONS)).scalars())

    def included(name: str | None, kind: str, parents: object) -> bool:
        del parents, kind
        return name is None or (name not in ignore and name not in partitions)

    options = {"include_name": included, "compare_type": True, "compare_server_default": True}
    return [repr(change) for change in compare_metadata(MigrationContext.configure(connection, opts=options), metadata)]
