"""PostgreSQL: a pool of asyncpg connections for the hot paths, and a SQLAlchemy engine on the same settings."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from urllib.parse import urlencode

import asyncpg
import orjson
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from servicekit.metrics import POSTGRES_FAILURES, POSTGRES_IN_USE, POSTGRES_POOL, POSTGRES_WAIT_SECONDS
from servicekit.settings import ServiceSettings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

Connection = asyncpg.Connection
Pool = asyncpg.Pool
Result = TypeVar("Result")

POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
DAY_US = 86_400_000_000
SECOND_US = 1_000_000
JSONB_VERSION = b"\x01"
# The server's own timeout comes first and says more; the client's is for a server that no longer answers.
CLIENT_TIMEOUT_MARGIN_S = 5.0
IDLE_TIMEOUTS = "SET idle_session_timeout = {0}; SET idle_in_transaction_session_timeout = {0}"
# The last: while its transaction stood idle for too long, and the pool took it back.
CLOSED_BY_SERVER = ("connection is closed", "closed in the middle", "released back to the pool")
TRANSIENT = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # A migration changed a table under a prepared statement; the pool forgets such statements when it says so.
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """What PostgreSQL allows a session, in ms; 0 is without limit."""

    statement_ms: int
    lock_ms: int
    idle_in_transaction_ms: int

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """Those of the running service."""
        return cls(
            settings.postgres_statement_timeout_ms,
            settings.postgres_lock_timeout_ms,
            settings.postgres_idle_in_transaction_timeout_ms,
        )


class Database:
    """One schema of the database. It can be made while the server is away, and outlives the server's absences."""

    def __init__(self, settings: ServiceSettings, schema: str, pool: Pool) -> None:
        self.schema = schema
        self.pool = pool
        self._settings = settings
        self._acquire_timeout_s = settings.postgres_connect_timeout_ms / 1000
        self._waits = POSTGRES_WAIT_SECONDS.labels(schema)
        self._in_use = POSTGRES_IN_USE.labels(schema)
        self._failures = POSTGRES_FAILURES.labels(schema)
        POSTGRES_POOL.labels(schema).inc(settings.postgres_pool_size)

    @classmethod
    async def connect(cls, settings: ServiceSettings, schema: str, *, planner: Mapping[str, str] | None = None) -> Self:
        """Make the pool. It opens connections when they are asked for, so nothing here fails or waits.

        `planner`: server settings for each of the pool's connections, such as `enable_seqscan`.
        """

        async def connect(*_: Any, **__: Any) -> Connection:
            return await open_connection(settings, schema, planner=planner)

        size = settings.postgres_pool_size
        pool = asyncpg.create_pool(min_size=0, max_size=size, connect=connect, reset=_leave_as_it_is)
        await pool
        return cls(settings, schema, pool)

    @asynccontextmanager
    async def acquire(self) -> AsyncGenerator[Connection]:
        """A connection of the pool, outside of any transaction."""
        asked = perf_counter()
        try:
            async with self.pool.acquire(timeout=self._acquire_timeout_s) as connection:
                self._waits.observe(perf_counter() - asked)
                with self._in_use.track_inprogress():
                    yield cast(Connection, connection)
        except Exception as error:
            if is_transient(error):
                self._failures.inc()
            raise

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """A connection in a transaction: committed at the end of the block, rolled back when it raises."""
        async with self.acquire() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def own_connection(self, idle_timeout_s: float = 0.0) -> AsyncGenerator[Connection]:
        """A connection outside of the pool, for what must stay on one: session locks and LISTEN.

        The server ends it, and with it the locks, when it hears nothing on it for `idle_timeout_s` (0: never does).
        """
        connection = await open_connection(self._settings, self.schema)
        try:
            if idle_timeout_s:
                await connection.execute(IDLE_TIMEOUTS.format(int(idle_timeout_s * 1000)))
            yield connection
        finally:
            connection.terminate()

    async def run(self, work: Callable[[Connection], Awaitable[Result]], attempts: int = 3) -> Result:
        """Run `work` in a transaction, and again in a new one after a lost connection or a deadlock.

        A connection may be lost after the commit, so `work` must bear being done twice.
        """
        async for attempt in retrying(attempts):
            with attempt:
                async with self.transaction() as connection:
                    return await work(connection)
        raise AssertionError("tenacity either returns or raises")

    @cached_property
    def engine(self) -> "AsyncEngine":
        """A SQLAlchemy engine that shares the settings, not the pool; SQLAlchemy is loaded on first use."""
        from sqlalchemy.ext.asyncio import create_async_engine

        creator = partial(open_connection, self._settings, self.schema, codecs=False)
        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=creator,
            pool_size=1,
            max_overflow=self._settings.postgres_pool_size - 1,
            pool_pre_ping=True,
        )

    async def check(self) -> None:
        """Ask the server for a sign of life; raises what went wrong."""
        async with self.acquire() as connection:
            await connection.execute("SELECT 1")

    async def close(self) -> None:
        """Wait for connections in use to come back, at most as long as a statement may take, and close all."""
        if "engine" in self.__dict__:
            await self.engine.dispose()
        await self.pool.close()
        POSTGRES_POOL.labels(self.schema).dec(self._settings.postgres_pool_size)


async def open_connection(
    settings: ServiceSettings,
    schema: str,
    *,
    owner: bool = False,
    codecs: bool = True,
    timeouts: Timeouts | None = None,
    planner: Mapping[str, str] | None = None,
) -> Connection:
    """One connection with this platform's timeouts, search path and codecs; `owner` takes the schema owner's role."""
    timeouts = timeouts or Timeouts.of(settings)
    connection = await asyncpg.connect(
        **_address(settings, owner=owner),
        command_timeout=timeouts.statement_ms / 1000 + CLIENT_TIMEOUT_MARGIN_S if timeouts.statement_ms else None,
        server_settings=_server_settings(schema, timeouts) | dict(planner or {}),
    )
    if codecs:
        await _set_codecs(connection)
    return connection


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed when it is done again: a lost connection, a deadlock, a server starting up."""
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg says so, and nothing more precise, about a connection that the server has closed.
        return any(words in str(error) for words in CLOSED_BY_SERVER)
    if isinstance(error, asyncpg.InternalClientError):
        # The same, where the server went in the very moment in which a statement was sent.
        return "cannot switch to state" in str(error)
    return isinstance(error, TRANSIENT)


def retrying(attempts: int) -> AsyncRetrying:
    """At most `attempts` tries of transient failures, with growing random pauses of at most 2 s."""
    return AsyncRetrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        reraise=True,
    )


def _role(settings: ServiceSettings, *, owner: bool) -> tuple[str, str | None]:
    user, secret = settings.postgres_user, settings.postgres_password
    if owner and settings.postgres_owner_user is not None:
        user, secret = settings.postgres_owner_user, settings.postgres_owner_password
    return user, secret.get_secret_value() if secret else None


def _address(settings: ServiceSettings, *, owner: bool) -> dict[str, Any]:
    user, password = _role(settings, owner=owner)
    return {
        "dsn": _tls_files(settings),
        "host": settings.postgres_host,
        "port": settings.postgres_port,
        "database": settings.postgres_db,
        "user": user,
        "password": password,
        "ssl": settings.postgres_tls,
        "timeout": settings.postgres_connect_timeout_ms / 1000,
    }


def _tls_files(settings: ServiceSettings) -> str | None:
    """A dsn that has nothing but the files: asyncpg takes them in no other way, and then knows what `sslmode` means."""
    named = {
        "sslrootcert": settings.postgres_tls_ca,
        "sslcert": settings.postgres_tls_certificate,
        "sslkey": settings.postgres_tls_key,
    }
    given = {name: path for name, path in named.items() if path is not None}
    return f"postgresql://?{urlencode(given)}" if given else None


def _server_settings(schema: str, timeouts: Timeouts) -> dict[str, str]:
    return {
        "application_name": schema,
        "search_path": '"' + schema.replace('"', '""') + '"',
        "timezone": "UTC",
        "jit": "off",
        "statement_timeout": str(timeouts.statement_ms),
        "lock_timeout": str(timeouts.lock_ms),
        "idle_in_transaction_session_timeout": str(timeouts.idle_in_transaction_ms),
    }


async def _leave_as_it_is(_connection: object) -> None:
    """Nobody leaves session state on a pooled connection (see `own_connection`), so a reset is spared.

    A transaction that was left open is rolled back all the same.
    """


async def _set_codecs(connection: Connection) -> None:
    catalog = {"schema": "pg_catalog"}
    await connection.set_type_codec("jsonb", encoder=_to_jsonb, decoder=_from_jsonb, format="binary", **catalog)
    await connection.set_type_codec("json", encoder=orjson.dumps, decoder=orjson.loads, format="binary", **catalog)
    await connection.set_type_codec("timestamptz", encoder=_to_tuple, decoder=_from_tuple, format="tuple", **catalog)


def _to_jsonb(value: object) -> bytes:
    return JSONB_VERSION + orjson.dumps(value)


def _from_jsonb(data: bytes) -> Any:
    return orjson.loads(data[1:])


def _to_tuple(moment: datetime) -> tuple[int]:
    # asyncpg would take a naive datetime for local time without a word.
    if moment.tzinfo is None:
        raise ValueError("a datetime without a time zone was given to the database")
    delta = moment - POSTGRES_EPOCH
    return (delta.days * DAY_US + delta.seconds * SECOND_US + delta.microseconds,)


def _from_tuple(value: tuple[int]) -> datetime:
    return POSTGRES_EPOCH + timedelta(microseconds=value[0])
