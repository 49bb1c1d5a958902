"""What a stolen database password is worth: the rows of one schema, if it is a service's, and no more."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from devstack.admin import SCHEMAS, database_statements, prepare_database, schema_statements
from devstack.rolescript import psql_script, roles_from
from devstack.servers.binaries import postgres_folder
from servicekit.migrations import run_migrations
from servicekit.settings import ServiceSettings
from tests.support.stack import PASSWORD, ROLES, Database, TestPostgres, run

REFUSED = asyncpg.InsufficientPrivilegeError

MADE_BY_OWNERS = """
    CREATE TABLE secret (id bigint PRIMARY KEY, word text);
    INSERT INTO secret VALUES (1, 'word');
    CREATE SEQUENCE numbers;
    CREATE FUNCTION told() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT word FROM secret $$;
"""
REVISION = "CREATE TABLE alembic_version (version_num text); REVOKE UPDATE, DELETE ON alembic_version FROM {role}"
OTHERS_SCHEMA = (
    "SELECT * FROM {other}.secret",
    "INSERT INTO {other}.secret VALUES (2, 'x')",
    "UPDATE {other}.secret SET word = 'x'",
    "DELETE FROM {other}.secret",
    "TRUNCATE {other}.secret",
    "DO $$ BEGIN LOCK TABLE {other}.secret; END $$",
    "DROP TABLE {other}.secret",
    "CREATE TABLE {other}.mine (id int)",
    "SELECT nextval('{other}.numbers')",
    "SELECT {other}.told()",
    "COPY {other}.secret TO STDOUT",
    "GRANT SELECT ON {other}.secret TO PUBLIC",
    "SET ROLE {other}_owner",
    "SET ROLE {other}_app",
    "ALTER ROLE {other}_app PASSWORD 'x'",
)
DDL = (
    "CREATE TABLE mine (id int)",
    "CREATE TABLE public.mine (id int)",
    "ALTER TABLE secret ADD COLUMN more text",
    "ALTER TABLE secret OWNER TO {role}",
    "DROP TABLE secret",
    "TRUNCATE secret",
    "CREATE INDEX ON secret (word)",
    "CREATE VIEW seen AS SELECT 1",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TRIGGER mine BEFORE INSERT ON secret EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE TYPE mine AS ENUM ('a')",
    "UPDATE alembic_version SET version_num = '9999'",
    "DELETE FROM alembic_version",
)
SERVER = (
    "CREATE SCHEMA mine",
    "CREATE DATABASE mine",
    "CREATE ROLE mine",
    "CREATE EXTENSION vector",
    "CREATE PUBLICATION mine FOR ALL TABLES",
    "CREATE SUBSCRIPTION mine CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false)",
    "CREATE FOREIGN DATA WRAPPER mine",
    "CREATE TABLESPACE mine LOCATION '/tmp'",
    "ALTER DATABASE {database} SET work_mem = '1GB'",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "ALTER ROLE {role} SUPERUSER",
    "ALTER ROLE postgres PASSWORD 'x'",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "SET session_replication_role = replica",
    "SET log_statement = 'none'",
    "SELECT rolpassword FROM pg_authid",
    "SELECT passwd FROM pg_shadow",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_stat_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/mews-taken')",
    "COPY secret FROM '/etc/passwd'",
    "COPY secret TO '/tmp/mews-taken'",
    "COPY secret FROM PROGRAM 'id'",
    "COPY secret TO PROGRAM 'cat'",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "SELECT pg_create_restore_point('x')",
    "SELECT pg_terminate_backend({other_pid})",
    "SELECT pg_cancel_backend({other_pid})",
    "LOAD 'plpgsql'",
    "DO LANGUAGE c $$ $$",
)
# A service that stages rows may make tables that end with its session; the others may not.
TEMPORARY = "CREATE TEMPORARY TABLE mine (id int)"


@pytest.fixture(scope="module")
def filled(postgres: TestPostgres) -> Iterator[Database]:
    """A database in which each owner has made something, and one schema is the product's own."""
    database = postgres.create()
    run(fill(database))
    yield database
    postgres.drop(database)


async def fill(database: Database) -> None:
    for schema in SCHEMAS:
        async with connected(database, schema, owner=True) as owner:
            await owner.execute(MADE_BY_OWNERS)
            if schema != "questions":
                await owner.execute(REVISION.format(role=f"{schema}_app"))
    env = {name.lower(): value for name, value in database.env("questions").items()}
    await run_migrations("question_broker.migrations", "questions", ServiceSettings.model_validate(env))


@asynccontextmanager
async def connected(database: Database, schema: str, *, owner: bool = False) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.dsn(schema, owner=owner))
    try:
        yield connection
    finally:
        await connection.close()


async def passed(connection: asyncpg.Connection, statements: list[str]) -> list[str]:
    """Which of the statements were not refused for want of a right."""
    through: list[str] = []
    for statement in statements:
        try:
            await connection.execute(statement)
        except REFUSED:
            continue
        except asyncpg.PostgresError as error:
            through.append(f"{statement}: {error!r}")
            continue
        through.append(statement)
    return through


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_the_role_of_a_running_service_has_the_rows_of_its_schema_and_nothing_else(
    filled: Database, schema: str
) -> None:
    others = [one for one in SCHEMAS if one != schema]
    async with connected(filled, schema) as app, connected(filled, others[0]) as other:
        assert await app.fetchval("SELECT word FROM secret") == "word"
        assert await app.fetchval("SELECT nextval('numbers')") > 0
        values = {"role": f"{schema}_app", "database": filled.name, "other_pid": other.get_server_pid()}
        tried = [statement.format(other=one) for one in others for statement in OTHERS_SCHEMA]
        tried += [statement.format(**values) for statement in (*DDL, *SERVER)]
        tried += [f"SET ROLE {schema}_owner", *([] if schema == "telemetry" else [TEMPORARY])]
        assert await passed(app, tried) == []


@pytest.mark.parametrize("schema", SCHEMAS)
async def test_the_owner_of_a_schema_has_no_other_and_is_no_administrator(filled: Database, schema: str) -> None:
    others = [one for one in SCHEMAS if one != schema]
    async with connected(filled, schema, owner=True) as owner, connected(filled, others[0]) as other:
        values = {"role": f"{schema}_owner", "database": filled.name, "other_pid": other.get_server_pid()}
        tried = [statement.format(other=one) for one in others for statement in OTHERS_SCHEMA]
        tried += [statement.format(**values) for statement in SERVER]
        assert await passed(owner, tried) == []


async def test_a_service_reads_at_which_revision_its_schema_is_and_cannot_say_otherwise(filled: Database) -> None:
    async with connected(filled, "questions") as app:
        assert await app.fetchval("SELECT version_num FROM alembic_version")
        assert await passed(app, ["UPDATE alembic_version SET version_num = '0000'"]) == []


async def test_nobody_else_may_connect_to_the_database(postgres: TestPostgres, filled: Database) -> None:
    async with postgres.connect("postgres") as administrator:
        await administrator.execute("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN PASSWORD 'x'")
    with pytest.raises(REFUSED):
        await asyncpg.connect(host=filled.host, port=filled.port, user="stranger", password="x", database=filled.name)


async def test_a_right_that_a_migration_took_away_stays_away_when_the_roles_are_made_again(
    postgres: TestPostgres, filled: Database
) -> None:
    async with connected(filled, "gateway", owner=True) as owner:
        await owner.execute("CREATE TABLE log (id int); REVOKE UPDATE, DELETE ON log FROM gateway_app")
    await prepare_database(postgres.connect, ROLES, filled.name)
    async with connected(filled, "gateway") as app:
        await app.execute("INSERT INTO log VALUES (1)")
        assert await passed(app, ["UPDATE log SET id = 2", "DELETE FROM log"]) == []


async def test_tables_of_before_the_roles_are_opened_to_them(postgres: TestPostgres, database: Database) -> None:
    async with postgres.connect(database.name) as administrator:
        await administrator.execute("CREATE TABLE gateway.old (id int); REVOKE ALL ON gateway.old FROM gateway_app")
        for statement in [*database_statements(ROLES, database.name), *schema_statements(ROLES)]:
            await administrator.execute(statement)
    async with connected(database, "gateway") as app:
        await app.execute("INSERT INTO old VALUES (1)")


def test_the_script_for_an_administrator_makes_the_same_roles_and_has_no_password_in_it(
    postgres: TestPostgres, tmp_path: Path
) -> None:
    name = "made_by_script"
    script = tmp_path / "roles.sql"
    script.write_text(psql_script(name))
    assert "PASSWORD :'gateway_app_password'" in script.read_text()
    assert f"'{PASSWORD}'" not in script.read_text()
    for _ in range(2):
        done = psql(postgres, script, dict.fromkeys(variables(), PASSWORD))
        assert done.returncode == 0, done.stderr
    made = Database(name, postgres.host, postgres.port)
    try:
        run(fill(made))
    finally:
        postgres.drop(made)


def test_the_script_stops_where_a_password_is_missing(postgres: TestPostgres, tmp_path: Path) -> None:
    script = tmp_path / "roles.sql"
    script.write_text(psql_script("never_made"))
    given = {variable: PASSWORD for variable in variables() if variable != "GATEWAY_APP_PASSWORD"}
    assert psql(postgres, script, given).returncode != 0


def variables() -> list[str]:
    return [f"{schema}_{kind}_PASSWORD".upper() for schema in SCHEMAS for kind in ("owner", "app")]


def test_the_variables_of_the_script_are_those_of_the_command() -> None:
    assert {roles.schema for roles in roles_from(dict.fromkeys(variables(), "x"))} == set(SCHEMAS)


def psql(postgres: TestPostgres, script: Path, passwords: dict[str, str]) -> subprocess.CompletedProcess[str]:
    server = {"PGHOST": postgres.host, "PGPORT": str(postgres.port), "PGUSER": "postgres", "PGPASSWORD": PASSWORD}
    return subprocess.run(
        [str(postgres_folder() / "psql"), "--no-psqlrc", "--quiet", f"--file={script}", "--dbname=postgres"],
        env={"PATH": os.environ["PATH"]} | server | passwords,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
