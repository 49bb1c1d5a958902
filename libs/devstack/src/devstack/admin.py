"""The one step that needs a database administrator: the database, its schemas, and two roles for each schema.

`<schema>_owner` owns the schema and runs its migrations; `<schema>_app` reads and writes rows there and nowhere else.
Everything may be run again: it changes what differs. Statements are made by pure functions, so that a cluster's job can
run the same ones over any connection that has `execute`.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

DATABASE = "mcp_manager"
SCHEMAS = ("orchestrator", "telemetry", "analytics", "questions", "gateway")
# Whose running services stage rows in temporary tables.
STAGING = frozenset({"telemetry"})


@dataclass(frozen=True)
class SchemaRoles:
    """The passwords of one schema's two roles."""

    schema: str
    owner_password: str = field(repr=False)
    app_password: str = field(repr=False)

    @property
    def owner(self) -> str:
        """The role that owns the schema."""
        return f"{self.schema}_owner"

    @property
    def app(self) -> str:
        """The role that the running service has."""
        return f"{self.schema}_app"


class Connection(Protocol):
    """What is needed of a database connection (asyncpg's has it)."""

    async def execute(self, query: str) -> object:
        """Run one or more statements."""
        ...

    async def fetchval(self, query: str) -> object:
        """Return the first column of the first row."""
        ...


Connect = Callable[[str], AbstractAsyncContextManager[Connection]]


async def prepare_database(connect: Connect, roles: Sequence[SchemaRoles], database: str = DATABASE) -> None:
    """Make roles, database and schemas, with `connect(<database>)` giving an administrator's connection."""
    async with connect("postgres") as connection:
        for statement in role_statements(roles):
            await connection.execute(statement)
        if not await connection.fetchval(f"SELECT 1 FROM pg_database WHERE datname = {literal(database)}"):
            await connection.execute(f"CREATE DATABASE {identifier(database)}")
        for statement in database_statements(roles, database):
            await connection.execute(statement)
    async with connect(database) as connection:
        for statement in schema_statements(roles):
            await connection.execute(statement)


def role_statements(roles: Iterable[SchemaRoles]) -> list[str]:
    """Make each login role or give it its password and search path anew; any database will do."""
    return [
        statement
        for one in roles
        for name, password in ((one.owner, one.owner_password), (one.app, one.app_password))
        for statement in role(name, literal(password), one.schema)
    ]


def role(name: str, password: str, schema: str) -> list[str]:
    """Make one login role, or give it its password (as SQL says it) and search path anew."""
    quoted = identifier(name)
    return [
        f"DO $$ BEGIN CREATE ROLE {quoted}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        f"ALTER ROLE {quoted} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {password}",
        f"ALTER ROLE {quoted} SET search_path = {identifier(schema)}",
    ]


def database_statements(roles: Iterable[SchemaRoles], database: str) -> list[str]:
    """Open the database to these roles alone."""
    roles, name = list(roles), identifier(database)
    every = [role for one in roles for role in (one.owner, one.app)]
    staging = [role for one in roles for role in (one.owner, one.app) if role == one.owner or one.schema in STAGING]
    others = [role for role in every if role not in staging]
    # First what is given: a service that connects meanwhile is not to be refused.
    return [
        f"GRANT CONNECT ON DATABASE {name} TO {_names(every)}",
        f"GRANT TEMPORARY ON DATABASE {name} TO {_names(staging)}",
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"REVOKE CREATE ON DATABASE {name} FROM {_names(every)}",
        *([f"REVOKE TEMPORARY ON DATABASE {name} FROM {_names(others)}"] if others else []),
    ]


def _names(roles: Iterable[str]) -> str:
    return ", ".join(map(identifier, roles))


def schema_statements(roles: Iterable[SchemaRoles]) -> list[str]:
    """Make the schemas and their rights; to be run in the database itself."""
    return ["REVOKE ALL ON SCHEMA public FROM PUBLIC", *(s for one in roles for s in _schema(one))]


def identifier(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a text for SQL."""
    return "E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _schema(one: SchemaRoles) -> list[str]:
    schema, owner, app = identifier(one.schema), identifier(one.owner), identifier(one.app)
    rows, numbers = "SELECT, INSERT, UPDATE, DELETE", "USAGE, SELECT, UPDATE"
    future = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT"
    return [
        # An administrator who is no superuser may act for the owner only as its member.
        f"GRANT {owner} TO CURRENT_USER",
        f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}",
        f"ALTER SCHEMA {schema} OWNER TO {owner}",
        f"REVOKE ALL ON SCHEMA {schema} FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA {schema} TO {app}",
        _grant_where_nothing_was_said(one, rows),
        f"GRANT {numbers} ON ALL SEQUENCES IN SCHEMA {schema} TO {app}",
        f"{future} {rows} ON TABLES TO {app}",
        f"{future} {numbers} ON SEQUENCES TO {app}",
    ]


def _grant_where_nothing_was_said(one: SchemaRoles, rows: str) -> str:
    """Tables of before the default privileges; where a migration has taken a right away, it stays away."""
    missing = f"""
        SELECT oid::regclass FROM pg_class
        WHERE relnamespace = {literal(one.schema)}::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
          AND NOT relispartition AND NOT has_table_privilege({literal(one.app)}, oid, 'SELECT')
    """
    grant = f"EXECUTE 'GRANT {rows} ON ' || missing || {literal(' TO ' + identifier(one.app))}"
    return f"DO $$ DECLARE missing regclass; BEGIN FOR missing IN {missing} LOOP {grant}; END LOOP; END $$"
