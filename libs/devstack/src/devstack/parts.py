"""The parts of the system and what each waits for: servers → database → migrations → services; sandbox → worker."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import asyncpg

from devstack.admin import DATABASE, prepare_database
from devstack.bus.authority import Authority
from devstack.credentials import Credentials
from devstack.environments import (
    HOST,
    Endpoints,
    World,
    migration_env,
    sandbox_env,
    sandbox_socket,
    service_env,
    worker_env,
)
from devstack.errors import DevstackError
from devstack.migrated import MigrationRecord, has_migrations, revision_of
from devstack.servers.base import Server, ServerInfo
from devstack.servers.given import given_nats, given_postgres, given_redis
from devstack.servers.nats import Nats
from devstack.servers.postgres import Postgres
from devstack.servers.probes import nats_answers, postgres_answers, redis_answers
from devstack.servers.redis import Redis
from devstack.service import Service, migrate
from devstack.services import SANDBOX_MODULE, SERVICES, WORKER_MODULE, ServiceSpec, sandbox_name, worker_name
from devstack.supervision.graph import Node, Step, Unit

SERVERS, ROOMS, CALLERS = 0, 1, 2
PROBES = {"nats": nats_answers, "redis": redis_answers, "postgres": postgres_answers}
CONNECT_WITHIN_S = 10


def server_endpoints(environ: Mapping[str, str], credentials: Credentials, ports: Mapping[str, int]) -> Endpoints:
    """Where the servers will be: those that the environment names, otherwise our own."""
    own_nats = ServerInfo(HOST, ports["nats"])
    own_redis = ServerInfo(HOST, ports["redis"], password=credentials.redis_password)
    own_postgres = ServerInfo(HOST, ports["postgres"], user="postgres", password=credentials.postgres_password)
    return Endpoints(
        nats=given_nats(environ) or own_nats,
        redis=given_redis(environ) or own_redis,
        postgres=given_postgres(environ) or own_postgres,
        database=environ.get("POSTGRES_DB") or DATABASE,
    )


def build_parts(world: World, workers: int) -> list[Node]:
    """Every part of the system."""
    numbers = range(1, workers + 1)
    record = MigrationRecord(world.layout.migrations)
    return [
        *_servers(world),
        Step("database", frozenset({"postgres"}), partial(_prepare_database, world)),
        *(_migration(world, service, record) for service in SERVICES if has_migrations(service.module)),
        *(_service(world, service) for service in SERVICES),
        *(_sandbox(world, number) for number in numbers),
        *(_worker(world, number) for number in numbers),
    ]


def _servers(world: World) -> list[Node]:
    given = {
        "nats": given_nats(world.inherited),
        "redis": given_redis(world.inherited),
        "postgres": given_postgres(world.inherited),
    }
    nodes: list[Node] = []
    for name, info in given.items():
        if info:
            nodes.append(Step(name, frozenset(), partial(_check_given, name, info)))
        else:
            nodes.append(_server_unit(_own_server(name, world)))
    return nodes


def _own_server(name: str, world: World) -> Server:
    data, log, port = world.layout.data / name, world.layout.logs / f"{name}.log", world.ports[name]
    credentials = world.credentials
    if name == "nats":
        return Nats(data, authority=Authority(world.layout.bus), port=port, log=log)
    if name == "redis":
        return Redis(data, password=credentials.redis_password, port=port, log=log)
    return Postgres(data, password=credentials.postgres_password, port=port, log=log)


def _server_unit(server: Server) -> Unit:
    return Unit(server, frozenset(), SERVERS, f"{server.host}:{server.port}")


def _service(world: World, service: ServiceSpec) -> Unit:
    address = (HOST, world.ports[service.name])
    env, log = service_env(world, service), world.layout.logs / f"{service.name}.log"
    managed = Service(service.name, service.module, env=env, address=address, log=log)
    prepared = _migration_name(service) if has_migrations(service.module) else "database"
    needs = frozenset({"nats", "redis", prepared})
    layer = CALLERS if service.schema == "gateway" else ROOMS
    return Unit(managed, needs, layer, f"http://{HOST}:{address[1]}")


def _sandbox(world: World, number: int) -> Unit:
    name, address = sandbox_name(number), sandbox_socket(world.layout, number)
    log = world.layout.logs / f"{name}.log"
    managed = Service(name, SANDBOX_MODULE, env=sandbox_env(world, number), address=address, log=log)
    return Unit(managed, frozenset(), ROOMS, str(address))


def _worker(world: World, number: int) -> Unit:
    name = worker_name(number)
    address, log = (HOST, world.ports[name]), world.layout.logs / f"{name}.log"
    managed = Service(name, WORKER_MODULE, env=worker_env(world, number), address=address, log=log)
    return Unit(managed, frozenset({"nats", sandbox_name(number)}), CALLERS, f"http://{HOST}:{address[1]}")


def _migration(world: World, service: ServiceSpec, record: MigrationRecord) -> Step:
    return Step(_migration_name(service), frozenset({"database"}), partial(_migrate, world, service, record))


def _migration_name(service: ServiceSpec) -> str:
    return f"migration of {service.schema}"


async def _migrate(world: World, service: ServiceSpec, record: MigrationRecord) -> None:
    if record.is_current(service.schema, service.module, await _revision(world, service.schema)):
        return
    log = world.layout.logs / f"{service.name}.log"
    code = await asyncio.to_thread(migrate, service.module, env=migration_env(world, service), log=log)
    if code != 0:
        raise DevstackError(f"`python -m {service.module} migrate` ended with {code}: see {log}")
    record.record(service.schema, service.module, await _revision(world, service.schema))


async def _revision(world: World, schema: str) -> str | None:
    async with _administrator(world, world.endpoints.database) as connection:
        return await revision_of(connection, schema)


async def _check_given(name: str, info: ServerInfo) -> None:
    if not await asyncio.to_thread(PROBES[name], info.host, info.port):
        what = "NATS with JetStream" if name == "nats" else name
        variable = f"{name.upper()}_HOST"
        raise DevstackError(f"no {what} answers at {info.host}:{info.port}; mend it, or unset {variable} to get one")


async def _prepare_database(world: World) -> None:
    try:
        await prepare_database(partial(_administrator, world), world.credentials.roles, world.endpoints.database)
    except (OSError, asyncpg.PostgresError) as error:
        info = world.endpoints.postgres
        raise DevstackError(
            f"cannot prepare the database as {info.user} at {info.host}:{info.port}: {error}"
        ) from error


@asynccontextmanager
async def _administrator(world: World, database: str) -> AsyncGenerator[asyncpg.Connection]:
    info = world.endpoints.postgres
    connection = await asyncpg.connect(
        host=info.host,
        port=info.port,
        user=info.user,
        password=info.password,
        database=database,
        timeout=CONNECT_WITHIN_S,
    )
    try:
        yield connection
    finally:
        await connection.close()
