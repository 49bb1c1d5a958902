"""The whole system on one machine: composition of servers, database, services, workers, and their supervisor."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from devstack.bus.local import prepare_credentials
from devstack.credentials import load_credentials
from devstack.environments import HOST, World, fleet_socket
from devstack.errors import DevstackError
from devstack.locking import sole_supervisor
from devstack.parts import build_parts, server_endpoints
from devstack.paths import Layout
from devstack.ports import choose_ports
from devstack.processes import identify
from devstack.servers.given import given_nats
from devstack.services import GATEWAY, GATEWAY_PORT, SERVICES, worker_name
from devstack.state import Phase, State, read_state, write_state
from devstack.supervision.door import FleetDoor
from devstack.supervision.rotation import rotate
from devstack.supervision.strays import adopt_orphans, end_descendants, end_strays
from devstack.supervision.supervisor import Supervisor
from servicekit.clock import SystemClock

HOUSEKEEPING_PAUSE_S = 5.0
THREADS = 32

Watcher = Callable[[State], None]


class System:
    """One run of the system with so many workers; `watch` is told every change."""

    def __init__(self, layout: Layout, environ: Mapping[str, str], workers: int, watch: Watcher) -> None:
        self._layout = layout
        self._environ = environ
        self._workers = workers
        self._watch = watch
        self._clock = SystemClock()
        self._started_at = self._clock.now()
        self._ready_at: datetime | None = None
        self._phase = Phase.starting
        self._reason: str | None = None
        self._world: World | None = None
        self._supervisor: Supervisor | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set. Raises DevstackError when something cannot start; leaves no process either way."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
        adopt_orphans()
        with sole_supervisor(self._layout.lock):
            end_strays(str(self._layout.mews), read_state(self._layout.state))
            try:
                await self._supervise(stop)
            except DevstackError as error:
                self._reason = str(error)
                raise
            finally:
                end_descendants()
                shutil.rmtree(self._layout.sockets, ignore_errors=True)
                self._enter(Phase.failed if self._reason else Phase.stopped)

    async def _supervise(self, stop: asyncio.Event) -> None:
        self._world = make_world(self._layout, self._environ, self._workers)
        parts = build_parts(self._world, self._workers)
        self._supervisor = Supervisor(parts, self._clock, self._write)
        aside = [asyncio.create_task(self._announce(self._supervisor)), asyncio.create_task(self._keep_house(stop))]
        try:
            async with FleetDoor(self._supervisor.members).open(fleet_socket(self._layout)):
                await self._supervisor.run(stop)
        finally:
            for task in aside:
                task.cancel()

    async def _announce(self, supervisor: Supervisor) -> None:
        await supervisor.ready.wait()
        self._ready_at = self._clock.now()
        self._enter(Phase.ready)

    async def _keep_house(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            for log in self._layout.logs.glob("*.log"):
                await asyncio.to_thread(rotate, log)
            await asyncio.sleep(HOUSEKEEPING_PAUSE_S)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._write()

    def _write(self) -> None:
        state = self._state()
        write_state(self._layout.state, state)
        self._watch(state)

    def _state(self) -> State:
        me = identify(os.getpid())
        if me is None:
            raise RuntimeError("this process is not in /proc")
        return State(
            phase=self._phase,
            pid=me.pid,
            started_ticks=me.started,
            started_at=self._started_at,
            ready_at=self._ready_at,
            gateway_url=f"http://{HOST}:{self._world.ports[GATEWAY]}" if self._world else "",
            workers=self._workers,
            members=self._supervisor.members() if self._supervisor else (),
            reason=self._reason,
        )


def make_world(layout: Layout, environ: Mapping[str, str], workers: int) -> World:
    """Decide where everything will be: credentials, free ports, servers of our own or given ones."""
    credentials = load_credentials(layout.credentials)
    names = ["nats", "redis", "postgres", *(service.name for service in SERVICES)]
    names += [worker_name(number) for number in range(1, workers + 1)]
    ports = choose_ports(names, {GATEWAY: GATEWAY_PORT, **_last_ports(layout.ports)}, HOST)
    layout.ports.write_text(json.dumps(ports, indent=2) + "\n")
    if given_nats(environ) is None:
        services = [service.name for service in SERVICES]
        fleet = [worker_name(number) for number in range(1, workers + 1)]
        prepare_credentials(layout, services, fleet, SystemClock().now())
    endpoints = server_endpoints(environ, credentials, ports)
    return World(layout, environ, credentials, endpoints, ports)


def _last_ports(path: Path) -> dict[str, int]:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
