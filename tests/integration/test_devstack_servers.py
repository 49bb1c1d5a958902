"""The servers that devstack runs: they start, survive a kill, and keep roles apart."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import nats
import pytest
import redis.asyncio

from devstack.admin import SCHEMAS, prepare_database
from devstack.processes import identify
from devstack.servers.postgres import Postgres
from tests.support.stack import ROLES, Database, TestNats, TestPostgres, TestRedis
from tests.support.waiting import eventually


@pytest.fixture
def durable_postgres(tmp_path: Path):
    server = Postgres(tmp_path / "pg", password="it's \\ secret")
    server.start()
    yield server
    server.stop()


async def connect(server: Postgres) -> asyncpg.Connection:
    info = server.info
    return await asyncpg.connect(
        host=info.host, port=info.port, user=info.user, password=info.password, database="postgres"
    )


async def test_postgres_keeps_its_data_over_a_kill(durable_postgres: Postgres):
    connection = await connect(durable_postgres)
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    port = durable_postgres.port
    durable_postgres.kill()
    connection.terminate()

    durable_postgres.start()

    assert durable_postgres.port == port
    connection = await connect(durable_postgres)
    assert await connection.fetchval("SELECT answer FROM kept") == 42
    assert await connection.fetchval("SHOW fsync") == "on"
    await connection.close()


async def test_postgres_starts_beside_a_lock_file_that_names_a_stranger(durable_postgres: Postgres):
    durable_postgres.kill()
    lock = durable_postgres.data_dir / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    durable_postgres.start()

    connection = await connect(durable_postgres)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def test_a_second_owner_of_the_data_takes_over_from_a_left_server(durable_postgres: Postgres):
    left = durable_postgres.process
    successor = Postgres(durable_postgres.data_dir, password="it's \\ secret")
    successor.start()
    try:
        assert left is not None
        assert identify(left.pid) is None
        connection = await connect(successor)
        await connection.close()
    finally:
        successor.stop()


async def test_jetstream_keeps_its_messages_over_a_kill(nats_server: TestNats):
    client = await nats.connect(nats_server.url)
    stream = client.jetstream()
    await stream.add_stream(name="KEPT", subjects=["kept.*"])
    await stream.publish("kept.one", b"x" * (2 * 1024 * 1024))
    nats_server.kill()
    await client.close()

    nats_server.start()

    client = await nats.connect(nats_server.url)
    message = await client.jetstream().get_last_msg("KEPT", "kept.one")
    assert message.data is not None
    assert len(message.data) == 2 * 1024 * 1024
    assert client.max_payload == 8 * 1024 * 1024
    await client.close()


async def test_redis_keeps_its_data_over_a_kill(redis_server: TestRedis):
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.set("kept", "42")
    redis_server.kill()

    redis_server.start()

    async with redis.asyncio.from_url(redis_server.url) as client:
        assert await client.get("kept") == b"42"


def test_starting_and_stopping_twice_changes_nothing(redis_server: TestRedis):
    first = redis_server.info
    assert redis_server.start() == first
    redis_server.stop()
    redis_server.stop()
    assert first.pid is not None
    assert identify(first.pid) is None


async def test_a_runtime_role_reads_and_writes_the_rows_its_owner_made_room_for(database: Database):
    owner = await asyncpg.connect(database.dsn("orchestrator", owner=True))
    await owner.execute("CREATE TABLE thing (id int GENERATED ALWAYS AS IDENTITY, serial serial, name text)")
    app = await asyncpg.connect(database.dsn("orchestrator"))
    await app.execute("INSERT INTO thing (name) VALUES ('a'); UPDATE thing SET name = 'b'")
    assert await app.fetchval("SELECT name FROM orchestrator.thing") == "b"
    assert await app.execute("DELETE FROM thing") == "DELETE 1"
    await owner.close()
    await app.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM telemetry.secret",
        "CREATE TABLE orchestrator.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "DROP TABLE orchestrator.own",
        "TRUNCATE orchestrator.own",
        "CREATE SCHEMA mine",
        "SET ROLE orchestrator_owner",
    ],
)
async def test_a_runtime_role_may_do_nothing_else(database: Database, statement: str):
    for schema, table in (("telemetry", "secret"), ("orchestrator", "own")):
        owner = await asyncpg.connect(database.dsn(schema, owner=True))
        await owner.execute(f"CREATE TABLE {table} (id int)")
        await owner.close()
    app = await asyncpg.connect(database.dsn("orchestrator"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(statement)
    await app.close()


async def test_the_admin_step_can_be_run_again(postgres: TestPostgres, database: Database):
    await prepare_database(postgres.connect, ROLES, database.name)
    for schema in SCHEMAS:
        app = await asyncpg.connect(database.dsn(schema))
        assert await app.fetchval("SELECT current_schema()") == schema
        await app.close()


ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import sys, signal
from pathlib import Path
from tests.support.stack import TestNats, TestPostgres, TestRedis
folder = Path(sys.argv[1])
servers = [TestPostgres(folder), TestNats(folder / "nats"), TestRedis(folder / "redis")]
print(*(server.start().pid for server in servers), flush=True)
signal.pause()
"""


async def test_servers_die_with_whoever_started_them_even_when_it_is_killed(tmp_path: Path):
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(tmp_path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    pids = [int(pid) for pid in (await starter.stdout.readline()).split()]
    assert len(pids) == 3
    assert all(identify(pid) for pid in pids)

    starter.kill()
    await starter.wait()

    await eventually(lambda: not any(identify(pid) for pid in pids))
