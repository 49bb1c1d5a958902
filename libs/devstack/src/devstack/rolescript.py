"""The administrator's step outside of this machine: as a script for psql, and what it must be given."""

from collections.abc import Iterable, Mapping

from devstack.admin import (
    SCHEMAS,
    SchemaRoles,
    database_statements,
    identifier,
    literal,
    role,
    schema_statements,
)
from devstack.errors import DevstackError

HEADER = """\
-- The database, its schemas, and two roles for each: <schema>_owner runs migrations, <schema>_app serves.
-- Run it as an administrator, as often as you like: psql --file=roles.sql --dbname=postgres
-- Passwords come from the environment: {variables}.
\\set ON_ERROR_STOP on"""


def psql_script(database: str) -> str:
    """The whole step; it has no password in it."""
    # What a password is set to stands in the script as psql's variable, quoted by psql.
    roles = [SchemaRoles(schema, "", "") for schema in SCHEMAS]
    names = [name for one in roles for name in (one.owner, one.app)]
    lines = [HEADER.format(variables=", ".join(map(_variable, names)))]
    lines += [f"\\getenv {name}_password {_variable(name)}" for name in names]
    lines += _statements(
        s for one in roles for name in (one.owner, one.app) for s in role(name, _given(name), one.schema)
    )
    lines.append(
        f"SELECT {literal('CREATE DATABASE ' + identifier(database))} "
        f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {literal(database)}) \\gexec"
    )
    lines += _statements(database_statements(roles, database))
    lines.append(f"\\connect {identifier(database)}")
    lines += _statements(schema_statements(roles))
    return "\n".join(lines) + "\n"


def roles_from(environ: Mapping[str, str]) -> tuple[SchemaRoles, ...]:
    """The roles with the passwords of the environment. Raises DevstackError that names each missing variable."""
    roles = [SchemaRoles(schema, "", "") for schema in SCHEMAS]
    missing = [_variable(name) for one in roles for name in (one.owner, one.app) if not environ.get(_variable(name))]
    if missing:
        raise DevstackError(f"no password for each role: set {', '.join(missing)}")
    return tuple(SchemaRoles(one.schema, environ[_variable(one.owner)], environ[_variable(one.app)]) for one in roles)


def _variable(role_name: str) -> str:
    return f"{role_name.upper()}_PASSWORD"


def _given(role_name: str) -> str:
    return f":'{role_name}_password'"


def _statements(statements: Iterable[str]) -> list[str]:
    return [f"{statement};" for statement in statements]
