"""The environment of each process: pure functions from where things are to variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts import permissions
from devstack.bus.local import credentials_file
from devstack.credentials import Credentials
from devstack.paths import Layout
from devstack.servers.base import ServerInfo
from devstack.servers.given import given_nats
from devstack.services import GATEWAY, ORCHESTRATOR, SERVICES, STACK_VARIABLE, ServiceSpec, worker_name

HOST = "127.0.0.1"
# Shorter than the time after which the supervisor kills.
SHUTDOWN_GRACE_MS = "8000"
AGENT_KEYS = ("CURSOR_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "CODEX_API_KEY", "GEMINI_API_KEY")
SERVERS = ("NATS", "REDIS", "POSTGRES")
ADDRESS_PARTS = ("HOST", "PORT", "DB", "USER", "PASSWORD", "OWNER_USER", "OWNER_PASSWORD")
ADDRESSES = frozenset(f"{server}_{part}" for server in SERVERS for part in ADDRESS_PARTS)
DOORS = ("SERVICE_TOKEN", "SERVICE_CALLERS")
KEPT_BACK = ADDRESSES.union(AGENT_KEYS, DOORS)
# All that a sandbox inherits: it must hold no credential of the user's.
PLAIN = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "SANDBOX_BUBBLEWRAP")
HIDDEN_FROM_AGENTS = ("~/.ssh", "~/.aws", "~/.gnupg", "~/.kube", "~/.docker", "~/.config/gcloud", "~/.netrc")


@dataclass(frozen=True)
class Endpoints:
    """Where the servers are."""

    nats: ServerInfo
    redis: ServerInfo
    postgres: ServerInfo
    database: str


@dataclass(frozen=True)
class World:
    """All that the environments are made from; `ports` has a port for each service and worker by name."""

    layout: Layout
    inherited: Mapping[str, str]
    credentials: Credentials
    endpoints: Endpoints
    ports: Mapping[str, int]


def service_env(world: World, service: ServiceSpec) -> dict[str, str]:
    """What a running service gets: the runtime role of its schema."""
    roles = world.credentials.roles_of(service.schema)
    database = _postgres(world.endpoints, roles.app, roles.app_password)
    callers = {"SERVICE_CALLERS": ",".join(world.credentials.caller(name) for name in service.callers)}
    token = world.credentials.service_tokens.get(service.name)
    doors = callers | ({"SERVICE_TOKEN": token} if token else {})
    gateway = {"AUTH_MODE": "local", "GATEWAY_STATE_KEYS": world.credentials.gateway_state_key}
    bus = _own_bus(world, "service", service.name)
    own = {GATEWAY: gateway, ORCHESTRATOR: fleet_env(world)}.get(service.name, {})
    return _shared(world, service.name) | bus | database | doors | own


def fleet_env(world: World) -> dict[str, str]:
    """By what the orchestrator reaches the supervisor, which runs the workers."""
    return {"FLEET": "local", "FLEET_SOCKET": str(fleet_socket(world.layout)), "FLEET_AUTOSCALE": "false"}


def migration_env(world: World, service: ServiceSpec) -> dict[str, str]:
    """What a service's `migrate` gets: the owner's role beside the runtime role."""
    roles = world.credentials.roles_of(service.schema)
    owner = {"POSTGRES_OWNER_USER": roles.owner, "POSTGRES_OWNER_PASSWORD": roles.owner_password}
    return service_env(world, service) | owner


def worker_env(world: World, number: int) -> dict[str, str]:
    """What a worker-agent gets: the bus and its sandbox, no database; the agents' keys, for the agents it starts."""
    name = worker_name(number)
    keys = {key: world.inherited[key] for key in AGENT_KEYS if key in world.inherited}
    return _shared(world, name) | _own_bus(world, "worker", name) | keys | {
        "WORKER_ID": name,
        "DATA_DIR": str(world.layout.data / name),
        "SANDBOX_SOCKET": str(sandbox_socket(world.layout, number)),
    }  # fmt: skip


def sandbox_env(world: World, number: int) -> dict[str, str]:
    """What a sandbox gets: its socket and its workspaces, nothing that opens a door."""
    root = world.layout.root
    hidden = (*HIDDEN_FROM_AGENTS, str(world.layout.credentials.parent), str(world.layout.data))
    return _plain(world) | {
        STACK_VARIABLE: str(world.layout.mews),
        "SANDBOX_SOCKET": str(sandbox_socket(world.layout, number)),
        "SANDBOX_WORKSPACE_ROOT": str(world.layout.workspaces / worker_name(number)),
        "SANDBOX_READABLE_PATHS": str(root) if root.is_relative_to("/tmp") else "",
        "SANDBOX_HIDDEN_PATHS": ":".join(hidden),
    }


def sandbox_socket(layout: Layout, number: int) -> Path:
    """The Unix socket between a worker and its sandbox."""
    return layout.sockets / f"sandbox-{number}.sock"


def fleet_socket(layout: Layout) -> Path:
    """The Unix socket at which the supervisor is asked about workers."""
    return layout.sockets / "fleet.sock"


def url_of(world: World, name: str) -> str:
    """The address of a service or worker."""
    return f"http://{HOST}:{world.ports[name]}"


def _shared(world: World, name: str) -> dict[str, str]:
    urls = {service.url_variable: url_of(world, service.name) for service in SERVICES}
    return _inherited(world) | _bus(world.endpoints) | urls | {
        STACK_VARIABLE: str(world.layout.mews),
        "HTTP_HOST": HOST,
        "HTTP_PORT": str(world.ports[name]),
        "LOG_FORMAT": "json",
        "SHUTDOWN_GRACE_MS": SHUTDOWN_GRACE_MS,
    }  # fmt: skip


def _bus(endpoints: Endpoints) -> dict[str, str]:
    nats, redis = endpoints.nats, endpoints.redis
    variables = {
        "NATS_HOST": nats.host,
        "NATS_PORT": str(nats.port),
        "NATS_USER": nats.user,
        "NATS_PASSWORD": nats.password,
        "REDIS_HOST": redis.host,
        "REDIS_PORT": str(redis.port),
        "REDIS_USER": redis.user,
        "REDIS_PASSWORD": redis.password,
    }
    return {name: value for name, value in variables.items() if value}


def _own_bus(world: World, kind: str, name: str) -> dict[str, str]:
    """The credential for our own bus; somebody else's bus asks for what the user's variables say."""
    if given_nats(world.inherited) is not None:
        return {}
    declares = kind == "service" and permissions.SERVICES[name].declares
    file = credentials_file(world.layout, kind, name)
    return {"NATS_CREDENTIALS": str(file), "NATS_DECLARES": str(declares).lower()}


def _postgres(endpoints: Endpoints, user: str, password: str) -> dict[str, str]:
    return {
        "POSTGRES_HOST": endpoints.postgres.host,
        "POSTGRES_PORT": str(endpoints.postgres.port),
        "POSTGRES_DB": endpoints.database,
        "POSTGRES_USER": user,
        "POSTGRES_PASSWORD": password,
    }


def _inherited(world: World) -> dict[str, str]:
    """The user's variables without the keys of agents, a server's address, and tokens of another system."""
    return {name: value for name, value in world.inherited.items() if name not in KEPT_BACK}


def _plain(world: World) -> dict[str, str]:
    return {name: world.inherited[name] for name in PLAIN if name in world.inherited}
