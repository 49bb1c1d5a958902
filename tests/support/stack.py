"""Real servers for tests: one PostgreSQL for each test process, a NATS and a Redis for each test that asks."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from devstack.admin import SCHEMAS, SchemaRoles, database_statements, identifier, prepare_database
from devstack.servers.nats import Nats
from devstack.servers.postgres import Postgres
from devstack.servers.redis import Redis

Result = TypeVar("Result")

TEMPLATE = "mews_template"
PASSWORD = "test"
# Nothing of a test's database need survive a power cut, and a login need not resist a dictionary.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "scram_iterations": "1"}
ROLES = tuple(SchemaRoles(schema, PASSWORD, PASSWORD) for schema in SCHEMAS)


@dataclass(frozen=True)
class Database:
    """A fresh database with all schemas and roles."""

    name: str
    host: str
    port: int

    def env(self, schema: str) -> dict[str, str]:
        """What the service that owns `schema` gets for its runtime role, and its migrations for theirs."""
        return {
            "POSTGRES_HOST": self.host,
            "POSTGRES_PORT": str(self.port),
            "POSTGRES_DB": self.name,
            "POSTGRES_USER": f"{schema}_app",
            "POSTGRES_PASSWORD": PASSWORD,
            "POSTGRES_OWNER_USER": f"{schema}_owner",
            "POSTGRES_OWNER_PASSWORD": PASSWORD,
        }

    def dsn(self, schema: str, *, owner: bool = False) -> str:
        """A `postgresql://` address for one of the schema's two roles."""
        role = f"{schema}_owner" if owner else f"{schema}_app"
        return f"postgresql://{role}:{PASSWORD}@{self.host}:{self.port}/{self.name}"


class TestPostgres(Postgres):
    """A cluster with a template from which databases are made in no time."""

    __test__ = False

    def __init__(self, folder: Path, settings: Mapping[str, str] = FAST) -> None:
        super().__init__(folder / "postgres", password=PASSWORD, settings=settings)

    def make_template(self) -> None:
        """Make the roles, and the database that every test's is a copy of."""
        run(prepare_database(self.connect, ROLES, TEMPLATE))

    def create(self) -> Database:
        """Make a fresh database."""
        name = f"test_{secrets.token_hex(8)}"
        run(self._execute(f"CREATE DATABASE {identifier(name)} TEMPLATE {TEMPLATE}", *database_statements(ROLES, name)))
        return Database(name, self.host, self.port)

    def drop(self, database: Database) -> None:
        """Remove a database with whoever is still connected to it."""
        run(self._execute(f"DROP DATABASE {identifier(database.name)} WITH (FORCE)"))

    @asynccontextmanager
    async def connect(self, database: str) -> AsyncGenerator[asyncpg.Connection]:
        """An administrator's connection to `database`."""
        connection = await asyncpg.connect(
            host=self.host, port=self.port, user=self.info.user, password=PASSWORD, database=database
        )
        try:
            yield connection
        finally:
            await connection.close()

    async def _execute(self, *statements: str) -> None:
        async with self.connect("postgres") as connection:
            for statement in statements:
                await connection.execute(statement)


class TestNats(Nats):
    """A NATS server that a test may stop and start."""

    __test__ = False

    @property
    def url(self) -> str:
        """Its `nats://` address."""
        return f"nats://{self.host}:{self.port}"

    def env(self) -> dict[str, str]:
        """Where a service finds it."""
        return {"NATS_HOST": self.host, "NATS_PORT": str(self.port)}


class TestRedis(Redis):
    """A Redis server that a test may stop and start."""

    __test__ = False

    @property
    def url(self) -> str:
        """Its `redis://` address."""
        return f"redis://{self.host}:{self.port}/0"

    def env(self) -> dict[str, str]:
        """Where a service finds it."""
        return {"REDIS_HOST": self.host, "REDIS_PORT": str(self.port)}


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine from a plain fixture, beside and without touching the test's own event loop."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
