from pathlib import Path

import pytest

from devstack.credentials import load_credentials
from devstack.environments import World, fleet_socket, migration_env, sandbox_env, service_env, worker_env
from devstack.parts import server_endpoints
from devstack.paths import Layout
from devstack.services import SERVICES

ORCHESTRATOR = SERVICES[0]
PORTS = {
    name: 20000 + at for at, name in enumerate(["nats", "redis", "postgres", "worker-1", *(s.name for s in SERVICES)])
}
USER = {
    "PATH": "/bin",
    "HOME": "/home/user",
    "CURSOR_API_KEY": "cursor-key",
    "ANTHROPIC_API_KEY": "anthropic-key",
    "AWS_SECRET_ACCESS_KEY": "aws-key",
    "LOG_LEVEL": "debug",
    "WORKER_TAGS": "a,b",
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path, USER)


def make_world(root: Path, user: dict[str, str]) -> World:
    layout = Layout(root)
    credentials = load_credentials(layout.credentials)
    return World(layout, user, credentials, server_endpoints(user, credentials, PORTS), PORTS)


def test_a_service_gets_the_runtime_role_of_its_own_schema_and_no_more(world: World):
    env = service_env(world, ORCHESTRATOR)
    assert env["POSTGRES_USER"] == "orchestrator_app"
    assert env["POSTGRES_PASSWORD"] == world.credentials.roles_of("orchestrator").app_password
    assert "POSTGRES_OWNER_PASSWORD" not in env
    assert world.credentials.postgres_password not in env.values()
    assert "CURSOR_API_KEY" not in env
    assert env["LOG_LEVEL"] == "debug"


def test_the_orchestrator_alone_finds_the_supervisor_that_runs_the_workers(world: World):
    assert service_env(world, ORCHESTRATOR)["FLEET"] == "local"
    assert service_env(world, ORCHESTRATOR)["FLEET_SOCKET"] == str(fleet_socket(world.layout))
    assert not any("FLEET_SOCKET" in service_env(world, service) for service in SERVICES[1:])


def test_migrations_get_the_owner_too(world: World):
    env = migration_env(world, ORCHESTRATOR)
    assert env["POSTGRES_OWNER_USER"] == "orchestrator_owner"
    assert env["POSTGRES_OWNER_PASSWORD"] == world.credentials.roles_of("orchestrator").owner_password


def test_every_service_listens_where_the_others_look_for_it(world: World):
    seen_by_worker = worker_env(world, 1)
    for service in SERVICES:
        env = service_env(world, service)
        assert seen_by_worker[service.url_variable] == f"http://{env['HTTP_HOST']}:{env['HTTP_PORT']}"


def test_only_the_gateway_runs_without_authentication(world: World):
    modes = {service.name: service_env(world, service).get("AUTH_MODE") for service in SERVICES}
    assert modes.pop("mcp-gateway") == "local"
    assert set(modes.values()) == {None}


def test_the_gateway_alone_gets_the_key_that_seals_and_it_is_the_same_after_a_restart(world: World):
    keys = {service.name: service_env(world, service).get("GATEWAY_STATE_KEYS") for service in SERVICES}
    assert keys.pop("mcp-gateway") == load_credentials(world.layout.credentials).gateway_state_key
    assert set(keys.values()) == {None}


def test_each_service_has_its_own_token_and_knows_who_may_call_it(world: World):
    known = {service.name: service_env(world, service)["SERVICE_CALLERS"] for service in SERVICES}
    gateway, analytics = world.credentials.caller("mcp-gateway"), world.credentials.caller("analytics-query")
    assert known == {
        "orchestrator": gateway,
        "telemetry-ingest": f"{gateway},{analytics}",
        "analytics-query": gateway,
        "question-broker": gateway,
        "mcp-gateway": "",
    }
    shown = {service.name: service_env(world, service).get("SERVICE_TOKEN") for service in SERVICES}
    assert {name for name, token in shown.items() if token} == {"mcp-gateway", "analytics-query"}
    assert shown["mcp-gateway"] != shown["analytics-query"]


def test_a_worker_calls_no_service_and_has_no_token_for_one(tmp_path: Path):
    env = worker_env(make_world(tmp_path, USER | {"SERVICE_TOKEN": "of another system"}), 1)
    assert not {"SERVICE_TOKEN", "SERVICE_CALLERS"} & set(env)


def test_a_worker_gets_the_bus_its_sandbox_and_the_agents_keys_but_no_database(world: World):
    env = worker_env(world, 1)
    assert env["WORKER_ID"] == "worker-1"
    assert env["NATS_CREDENTIALS"] == str(world.layout.bus / "workers" / "worker-1.creds")
    assert "NATS_USER" not in env
    assert (env["CURSOR_API_KEY"], env["ANTHROPIC_API_KEY"], env["WORKER_TAGS"]) == (
        "cursor-key",
        "anthropic-key",
        "a,b",
    )
    assert env["SANDBOX_SOCKET"] == sandbox_env(world, 1)["SANDBOX_SOCKET"]
    assert not [name for name in env if name.startswith("POSTGRES_")]


def test_a_sandbox_gets_no_credential(world: World):
    env = sandbox_env(world, 1)
    secret = {
        "cursor-key",
        "anthropic-key",
        "aws-key",
        *world.credentials.service_tokens.values(),
    }
    assert not secret & set(env.values())
    assert set(env) - {"PATH", "HOME", "MEWS_STACK"} == {name for name in env if name.startswith("SANDBOX_")}
    assert str(world.layout.credentials.parent) in env["SANDBOX_HIDDEN_PATHS"].split(":")


def test_every_service_has_a_credential_of_its_own_and_one_alone_may_declare(world: World):
    envs = {service.name: service_env(world, service) for service in SERVICES}
    files = {env["NATS_CREDENTIALS"] for env in envs.values()} | {worker_env(world, 1)["NATS_CREDENTIALS"]}
    assert len(files) == len(SERVICES) + 1
    assert [name for name, env in envs.items() if env["NATS_DECLARES"] == "true"] == ["orchestrator"]


def test_the_socket_of_a_sandbox_has_a_path_short_enough_for_the_kernel(tmp_path: Path):
    deep = tmp_path / ("deep" * 30)
    assert len(sandbox_env(make_world(deep, USER), 64)["SANDBOX_SOCKET"]) < 100


def test_servers_named_by_the_environment_are_used(tmp_path: Path):
    given = {"NATS_HOST": "bus", "POSTGRES_HOST": "db", "POSTGRES_PASSWORD": "postgres", "POSTGRES_DB": "elsewhere"}
    world = make_world(tmp_path, USER | given)
    env = service_env(world, ORCHESTRATOR)
    assert (env["NATS_HOST"], env["NATS_PORT"]) == ("bus", "4222")
    assert not {"NATS_PASSWORD", "NATS_CREDENTIALS", "NATS_DECLARES"} & set(env)
    assert (env["POSTGRES_HOST"], env["POSTGRES_PORT"], env["POSTGRES_DB"]) == ("db", "5432", "elsewhere")
    assert env["POSTGRES_USER"] == "orchestrator_app"
    assert env["REDIS_PORT"] == str(PORTS["redis"])
