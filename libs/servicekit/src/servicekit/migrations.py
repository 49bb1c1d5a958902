"""Migrations of one service's schema with Alembic, without a configuration file: a package with a folder `versions`."""

import importlib.util
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_fixed,
    wait_random_exponential,
)

from servicekit.health import NotReady
from servicekit.logs import get_logger
from servicekit.pg import Connection, Database, Timeouts, is_transient, open_connection
from servicekit.settings import ServiceSettings

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory
    from sqlalchemy.engine import Connection as SyncConnection

HEAD = "head"
LOCK_ATTEMPTS = 5
LOCK_NOT_AVAILABLE = "55P03"
# Any number will do, if all use the same.
ADVISORY_LOCK = 7_205_331
ADVISORY_POLL_S = 0.2
ADVISORY_WAIT_S = 600.0
SERVER_WAIT_S = 30.0

log = get_logger(__name__)


class MigrationFailed(Exception):
    """One sentence that says why the schema is not at this version."""


class _Taken(MigrationFailed):
    """Another run migrates this schema."""


async def run_migrations(package: str, schema: str, settings: ServiceSettings) -> str:
    """Bring `schema` to the newest revision of `package`, as its owner; returns that revision.

    Each revision is a transaction of its own. Two runs at once are harmless: the second waits, and finds nothing to do.
    A schema that is newer than this code is left as it is. Raises MigrationFailed.
    """
    try:
        async with _locked(schema, settings) as current:
            script = _script(package)
            head = head_revision(package)
            if current is not None and current not in _known(script):
                log.warning("the schema is newer than this code; nothing done", schema=schema, current=current)
                return current
            if current != head:
                await _patiently(partial(_upgrade, script, schema, settings))
                await _keep_revision_from_runtime(schema, settings)
            log.info("schema migrated", schema=schema, before=current, after=head)
            return head
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise MigrationFailed(f"schema {schema} not migrated: {error or repr(error)}") from error


def head_revision(package: str) -> str:
    """The newest revision in `package`. Raises MigrationFailed unless there is exactly one."""
    heads = _script(package).get_heads()
    if len(heads) != 1:
        raise MigrationFailed(f"{package} must have one newest revision, not {sorted(heads)}")
    return heads[0]


async def current_revision(connection: Connection) -> str | None:
    """The revision at which the connection's schema is; None if it was never migrated."""
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    return await connection.fetchval("SELECT version_num FROM alembic_version")


def schema_check(database: Database, package: str) -> Callable[[], Awaitable[None]]:
    """A readiness check: the schema is at this code's newest revision, or at one that this code does not know yet."""
    script = _script(package)
    head, known = head_revision(package), _known(script)

    async def check() -> None:
        try:
            async with database.acquire() as connection:
                current = await current_revision(connection)
        except Exception as error:
            if not is_transient(error):
                raise
            raise NotReady(f"PostgreSQL is away: {str(error) or type(error).__name__}") from error
        if current is None:
            raise NotReady(f"schema {database.schema} was never migrated; run `migrate`")
        if current != head and current in known:
            raise NotReady(f"schema {database.schema} is at {current}, this version needs {head}; run `migrate`")

    return check


def _script(package: str) -> "ScriptDirectory":
    from alembic.script import ScriptDirectory

    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MigrationFailed(f"there is no package {package}")
    return ScriptDirectory(Path(spec.submodule_search_locations[0]))


def _known(script: "ScriptDirectory") -> set[str]:
    return {revision.revision for revision in script.walk_revisions()}


@asynccontextmanager
async def _locked(schema: str, settings: ServiceSettings) -> AsyncGenerator[str | None]:
    connection = await _connect_patiently(schema, settings)
    try:
        await _take_lock(connection, schema)
        yield await current_revision(connection)
    finally:
        await connection.close()


async def _take_lock(connection: Connection, schema: str) -> None:
    # Polled, since a session that waits inside PostgreSQL holds a snapshot, for which CREATE INDEX CONCURRENTLY waits.
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(_Taken),
        stop=stop_after_delay(ADVISORY_WAIT_S),
        wait=wait_fixed(ADVISORY_POLL_S),
        reraise=True,
    ):
        with attempt:
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1, hashtext($2))", ADVISORY_LOCK, schema):
                raise _Taken(f"schema {schema} not migrated: another run has held the lock for {ADVISORY_WAIT_S:g} s")


async def _connect_patiently(schema: str, settings: ServiceSettings) -> Connection:
    retrying = AsyncRetrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_delay(SERVER_WAIT_S),
        wait=wait_random_exponential(multiplier=0.1, max=2),
        reraise=True,
    )
    return await retrying(_open, schema, settings)


async def _open(schema: str, settings: ServiceSettings, *_: Any, **__: Any) -> Connection:
    timeouts = Timeouts(statement_ms=0, lock_ms=settings.migration_lock_timeout_ms, idle_in_transaction_ms=0)
    return await open_connection(settings, schema, owner=True, codecs=False, timeouts=timeouts)


async def _patiently(upgrade: Callable[[], Awaitable[None]]) -> None:
    """A migration that does not get its lock lets the service's own statements pass, and tries again."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception(_lacks_lock),
        stop=stop_after_attempt(LOCK_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.5, max=10),
        reraise=True,
    ):
        with attempt:
            await upgrade()


async def _keep_revision_from_runtime(schema: str, settings: ServiceSettings) -> None:
    """The running service reads at which revision the schema is, and cannot say otherwise."""
    if settings.postgres_owner_user in (None, settings.postgres_user):
        return
    connection = await _open(schema, settings)
    try:
        runtime = settings.postgres_user.replace('"', '""')
        await connection.execute(f'REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM "{runtime}"')
    finally:
        await connection.close()


def _lacks_lock(error: BaseException) -> bool:
    return getattr(error, "sqlstate", None) == LOCK_NOT_AVAILABLE


async def _upgrade(script: "ScriptDirectory", schema: str, settings: ServiceSettings) -> None:
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=partial(_open, schema, settings), poolclass=NullPool
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(partial(_upgrade_sync, script))
    except DBAPIError as error:
        # The driver's own error is beneath SQLAlchemy's two wrappings.
        cause = getattr(error.orig, "__cause__", None)
        raise cause if isinstance(cause, asyncpg.PostgresError) else error from error
    finally:
        await engine.dispose()


def _upgrade_sync(script: "ScriptDirectory", connection: "SyncConnection") -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    def steps(revision: Any, _context: object) -> Any:
        return script._upgrade_revs(HEAD, revision)  # pyright: ignore[reportPrivateUsage]

    with EnvironmentContext(Config(), script, fn=steps, destination_rev=HEAD) as environment:
        environment.configure(connection=connection, transaction_per_migration=True)
        with environment.begin_transaction():
            environment.run_migrations()
