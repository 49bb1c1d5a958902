"""`mews roles`: the database administrator's step, for a server that is not this machine's own."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

import asyncpg
import typer

from devstack.admin import DATABASE, prepare_database
from devstack.environ import user_environment
from devstack.errors import DevstackError
from devstack.paths import layout
from devstack.rolescript import psql_script, roles_from
from devstack.servers.base import ServerInfo
from devstack.servers.given import given_postgres


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("roles")(make_roles)


def make_roles(
    sql: Annotated[bool, typer.Option("--sql", help="Print a script for psql, without any password in it.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Do it now, as POSTGRES_USER at POSTGRES_HOST.")] = False,
) -> None:
    """Make the database, its schemas, and an owner and a runtime role for each; may be run again."""
    environ = user_environment(layout().root)
    database = environ.get("POSTGRES_DB") or DATABASE
    if sql == apply:
        raise DevstackError("say either --sql, for a script, or --apply, to do it now")
    if sql:
        typer.echo(psql_script(database), nl=False)
    else:
        asyncio.run(_apply(environ, database))
        typer.echo(f"the roles and schemas of {database} are as they should be")


async def _apply(environ: Mapping[str, str], database: str) -> None:
    info, roles = given_postgres(environ), roles_from(environ)
    if info is None:
        raise DevstackError("say where PostgreSQL is, and who its administrator is: POSTGRES_HOST, _USER, _PASSWORD")
    try:
        await prepare_database(partial(_administrator, info), roles, database)
    except (OSError, asyncpg.PostgresError) as error:
        raise DevstackError(f"cannot make the roles as {info.user} at {info.host}:{info.port}: {error}") from error


@asynccontextmanager
async def _administrator(info: ServerInfo, database: str) -> AsyncGenerator[asyncpg.Connection]:
    # PGSSLMODE and PGSSLROOTCERT are honoured, as by psql.
    connection = await asyncpg.connect(
        host=info.host, port=info.port, user=info.user, password=info.password, database=database
    )
    try:
        yield connection
    finally:
        await connection.close()
