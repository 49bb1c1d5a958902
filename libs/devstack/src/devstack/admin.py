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
# Tables of the audit log, whose entries nobody changes or removes.
APPEND_ONLY = "^audit_entries"
SCHEMAS = ("orchestrator", "telemetry", "analytics", "questions", "gateway")


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
        for statement in _role(name, password, one.schema)
    ]


def database_statements(roles: Iterable[SchemaRoles], database: str) -> list[str]:
    """Open the database to these roles alone."""
    name = identifier(database)
    names = ", ".join(identifier(role) for one in roles for role in (one.owner, one.app))
    return [f"REVOKE ALL ON DATABASE {name} FROM PUBLIC", f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {names}"]


def schema_statements(roles: Iterable[SchemaRoles]) -> list[str]:
    """Make the schemas and their rights; to be run in the database itself."""
    return ["REVOKE ALL ON SCHEMA public FROM PUBLIC", *(s for one in roles for s in _schema(one))]


def identifier(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a text for SQL."""
    return "E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _role(name: str, password: str, schema: str) -> list[str]:
    role = identifier(name)
    return [
        f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        f"ALTER ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {literal(password)}",
        f"ALTER ROLE {role} SET search_path = {identifier(schema)}",
    ]


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
        # In one transaction: not for a moment may what can only be added to be changed.
        f"GRANT {rows} ON ALL TABLES IN SCHEMA {schema} TO {app}; {_append_only(one.schema, one.app)}",
        f"GRANT {numbers} ON ALL SEQUENCES IN SCHEMA {schema} TO {app}",
        f"{future} {rows} ON TABLES TO {app}",
        f"{future} {numbers} ON SEQUENCES TO {app}",
    ]


def _append_only(schema: str, app: str) -> str:
    """Take back what the role may not do with the tables to which rows can only be added, where there are any yet."""
    return f"""
        DO $$ DECLARE wanted regclass; BEGIN
            FOR wanted IN
                SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace({literal(identifier(schema))})
                AND relkind IN ('r', 'p') AND relname ~ {literal(APPEND_ONLY)}
            LOOP
                EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM %I', wanted, {literal(app)});
            END LOOP;
        END $$
    """
