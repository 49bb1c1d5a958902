"""A release without a cluster: its processes, started with what the chart gives them and what the setup makes."""

import os
import shutil
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest

from devstack.cluster.keeping import MemoryKeeper
from devstack.cluster.release import release_from
from devstack.cluster.setup import Setup, make_all
from devstack.servers.base import Server
from devstack.servers.postgres import Postgres
from devstack.services import SERVICES, ServiceSpec
from servicekit.clock import SystemClock
from servicekit.migrations import run_migrations
from tests.deploy.conftest import Render
from tests.support.chart_servers import ChartNats, ChartValkey
from tests.support.manifests import processes
from tests.support.manifests.objects import Manifest, the
from tests.support.pods import Node, held
from tests.support.waiting import eventually

# The machine may be busy: that is no reason to fail.
WITHIN_S = 300.0
STORES = ("mews-postgres", "mews-nats", "mews-redis")
NAMES = tuple(f"mews-{service.name}" for service in SERVICES)


@pytest.fixture
async def node(render_with: Render, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Node]:
    # Short, since the path of a Unix socket must be.
    folder = Path(tempfile.mkdtemp(prefix="mews-chart-"))
    keeper = MemoryKeeper()
    doors = held((*STORES, *NAMES, "mews-worker"))
    node = Node(folder, render_with(fleet={"enabled": False}, worker={"maxReplicas": 2}), keeper.secrets, doors)
    given = node.variables("Job/mews-setup-1", "setup")
    for name, value in given.items():
        if name.startswith(("POSTGRES_", "NATS_")):
            monkeypatch.setenv(name, value)
    await make_all(release_from(given), keeper, SystemClock().now(), None, print)
    servers = _stores(node)
    try:
        for name, server in zip(STORES, servers, strict=True):
            node.let_go(name)
            server.start()
        await Setup(release_from(given), keeper, given, SystemClock(), print, WITHIN_S).run()
        yield node
    finally:
        node.stop()
        for server in servers:
            server.stop()
        shutil.rmtree(folder)


@pytest.mark.timeout(900)
async def test_a_release_migrates_starts_and_does_the_task_of_its_own_test(node: Node) -> None:
    for service in SERVICES:
        await _migrate(service, node)
    for service in SERVICES:
        node.start(f"Deployment/mews-{service.name}", service.name)
    node.start("StatefulSet/mews-worker", "sandbox", SANDBOX_ALLOWED_UIDS=str(os.getuid()))
    node.start("StatefulSet/mews-worker", "worker-agent")
    await _all_ready(node)

    test = node.start("Pod/mews-test", "task")
    assert test.wait(WITHIN_S) == 0, node.log("Pod/mews-test")
    assert await _asked_as("mews-mcp-gateway:8080", node) == 200
    assert await _asked_as("elsewhere.example.com", node) == 421


async def _migrate(service: ServiceSpec, node: Node) -> None:
    """What the Job does, without a process for it."""
    with patch.dict(os.environ, node.variables(f"Job/mews-migrate-{service.name}-1", "migrate"), clear=True):
        settings = processes.SERVICES[service.name]()
    await run_migrations(f"{service.module}.migrations", service.schema, settings)


async def _all_ready(node: Node) -> None:
    async with httpx.AsyncClient(timeout=10) as http:

        async def unready() -> list[str]:
            return [name for name in (*NAMES, "mews-worker") if not await _ready(http, node.url(name))]

        async def none_is_unready() -> bool:
            ended = [process.args for process in node.running if process.poll() is not None]
            assert ended == [], "".join(path.read_text()[-2_000:] for path in node.folder.glob("*.log"))
            return not await unready()

        await eventually(none_is_unready, within=WITHIN_S)


async def _ready(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(f"{url}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


async def _asked_as(host: str, node: Node) -> int:
    """What the gateway answers the administrator, who calls it by this name."""
    token = node.secrets["mews-gateway"]["admin_token"]
    headers = {"Host": host, "Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(timeout=30) as http:
        return (await http.get(f"{node.url('mews-mcp-gateway')}/v1/audit/head", headers=headers)).status_code


def _stores(node: Node) -> list[Server]:
    """The chart's own stores, as far as this machine has their programs."""
    secrets = node.secrets
    postgres, nats, redis = (node.ports[name] for name in STORES)
    configuration = the(node.manifests, "ConfigMap", "mews-nats")["data"]["nats.conf"]
    valkey: Manifest = the(node.manifests, "StatefulSet", "mews-redis")["spec"]["template"]["spec"]["containers"][0]
    return [
        Postgres(node.folder / "postgres", password=secrets["mews-postgres"]["admin_password"], port=postgres),
        ChartNats(node.folder / "nats", configuration, secrets["mews-bus"]["server.conf"], port=nats),
        ChartValkey(node.folder / "redis", valkey["command"], secrets["mews-redis"]["password"], port=redis),
    ]
