"""The whole platform as real processes, put together from devstack's parts: two orchestrators, and wires to cut."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from devstack.environments import HOST, World, url_of
from devstack.parts import build_parts
from devstack.paths import Layout
from devstack.ports import free_port
from devstack.services import GATEWAY, sandbox_name, worker_name
from devstack.supervision.graph import Node, Step, Unit
from devstack.system import make_world
from tests.chaos.aging import SETTINGS
from tests.chaos.disks import Disk, make_disk
from tests.chaos.keeping import Keeper
from tests.chaos.plan import SERVICES, Tempo
from tests.chaos.wire import Wire, balance

ORCHESTRATOR = "orchestrator"
REPLICAS = 2
RETRY_BASE_MS, RETRY_CAP_MS = 300, 4_000
STOP_GRACE_MS = 1_500


@dataclass(frozen=True)
class Cluster:
    """A running platform."""

    world: World
    keeper: Keeper
    replicas: list[int]
    """Ports of the orchestrators."""
    wires: Mapping[str, Wire]
    disks: Mapping[str, Disk]
    workers: int
    tempo: Tempo
    skew: tuple[str, int] | None

    @property
    def gateway_url(self) -> str:
        """The MCP endpoint."""
        return f"{url_of(self.world, GATEWAY)}/mcp"

    @property
    def home(self) -> Path:
        """The folder in which everything lies."""
        return self.world.layout.root

    def addresses(self) -> dict[str, str]:
        """Where each service itself answers, by its name."""
        own = {f"{ORCHESTRATOR}-{number}": f"http://{HOST}:{port}" for number, port in enumerate(self.replicas, 1)}
        return {name: own.get(name) or url_of(self.world, name) for name in SERVICES}

    def worker_names(self) -> list[str]:
        """The ids of all workers."""
        return [worker_name(number) for number in range(1, self.workers + 1)]


@asynccontextmanager
async def running_cluster(
    home: Path, workers: int, tempo: Tempo, skew: tuple[str, int] | None
) -> AsyncGenerator[Cluster]:
    """A platform that is ready; nothing of it runs afterwards."""
    layout = Layout(home)
    layout.mews.mkdir(parents=True, exist_ok=True)
    world = make_world(layout, _environment(tempo), workers)
    replicas = [free_port() for _ in range(REPLICAS)]
    wires = {worker_name(n): Wire(free_port(), [world.endpoints.nats.port]) for n in range(1, workers + 1)}
    front = Wire(world.ports[ORCHESTRATOR], replicas)
    disks = {name: make_disk(layout.data / name) for name in wires}
    keeper = Keeper(_nodes(world, workers, replicas, wires, skew))
    balancing = asyncio.create_task(balance(front, replicas))
    try:
        for wire in (*wires.values(), front):
            await wire.start()
        await keeper.start({ORCHESTRATOR: f"{ORCHESTRATOR}-1"})
        yield Cluster(world, keeper, replicas, wires, disks, workers, tempo, skew)
    finally:
        for wire in wires.values():
            wire.mend()
        await keeper.close()
        balancing.cancel()
        for wire in (*wires.values(), front):
            await wire.close()
        for disk in disks.values():
            disk.close()


def _environment(tempo: Tempo) -> dict[str, str]:
    """What all services inherit: this process's own variables without those of a person's platform, and short times."""
    own = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return own | {
        "LEASE_MS": str(tempo.lease_ms),
        "HEARTBEAT_MS": str(tempo.heartbeat_ms),
        "OFFLINE_AFTER_MS": str(tempo.offline_after_ms),
        "LEADER_LEASE_MS": str(tempo.leader_lease_ms),
        "RETRY_BASE_MS": str(RETRY_BASE_MS),
        "RETRY_CAP_MS": str(RETRY_CAP_MS),
        "STOP_GRACE_MS": str(STOP_GRACE_MS),
        # Workers die here because they are killed, not because of what they run.
        "QUARANTINE_AFTER": "0",
        "SANDBOX_BUBBLEWRAP": "off",
        "LOG_LEVEL": "info",
        **SETTINGS,
    }


def _nodes(
    world: World, workers: int, replicas: list[int], wires: Mapping[str, Wire], skew: tuple[str, int] | None
) -> list[Node]:
    """Devstack's parts, but several orchestrators, and each worker behind a wire of its own."""
    numbers = range(1, workers + 1)
    own = {ORCHESTRATOR, *(worker_name(n) for n in numbers), *(sandbox_name(n) for n in numbers)}
    shared = _in_turn([node for node in build_parts(world, workers) if node.name not in own])
    orchestrators = [_orchestrator(world, number, port) for number, port in enumerate(replicas, 1)]
    return [*shared, *orchestrators, *(node for n in numbers for node in _worker(world, n, workers, wires, skew))]


def _in_turn(nodes: list[Node]) -> list[Node]:
    """The same, but each step after the one before: on a busy machine, each migration has its time for itself."""
    done: list[Node] = []
    before: frozenset[str] = frozenset()
    for node in nodes:
        if isinstance(node, Step):
            node = replace(node, needs=node.needs | before)
            before = frozenset({node.name})
        done.append(node)
    return done


def _orchestrator(world: World, number: int, port: int) -> Unit:
    """A replica with a port of its own: the others know the balancer's."""
    mine = replace(world, ports={**world.ports, ORCHESTRATOR: port})
    unit = _unit(build_parts(mine, 0), ORCHESTRATOR)
    unit.managed.name = f"{ORCHESTRATOR}-{number}"
    unit.managed.log = world.layout.logs / f"{unit.managed.name}.log"
    return unit


def _worker(
    world: World, number: int, workers: int, wires: Mapping[str, Wire], skew: tuple[str, int] | None
) -> tuple[Unit, Unit]:
    name = worker_name(number)
    nats = replace(world.endpoints.nats, port=wires[name].port)
    skewed = wrong_clock(skew[1]) if skew and skew[0] == name else {}
    behind = replace(
        world,
        endpoints=replace(world.endpoints, nats=nats),
        inherited={**world.inherited, **skewed},
    )
    parts = build_parts(behind, workers)
    sandbox, worker = _unit(parts, sandbox_name(number)), _unit(parts, name)
    # After the migrations, which have little time for themselves.
    return replace(sandbox, needs=sandbox.needs | {GATEWAY}), worker


def wrong_clock(seconds: int) -> dict[str, str]:
    """Variables by which a service sees another time of day; durations stay right."""
    return {"PYTHONPATH": str(Path(__file__).parent / "clock"), "CLOCK_OFFSET_S": str(seconds)}


def _unit(parts: list[Node], name: str) -> Unit:
    return next(node for node in parts if isinstance(node, Unit) and node.name == name)
