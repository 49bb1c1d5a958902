"""The chart's own stores, the probe of its sandbox, and what its test waits for, tried on real programs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from devstack.bus.authority import Authority
from devstack.bus.local import write_credentials
from servicekit.bus import Bus
from servicekit.clock import SystemClock
from servicekit.settings import ServiceSettings
from tests.support.chart_servers import ChartNats, ChartValkey
from tests.support.manifests.objects import Manifest, the
from tests.support.manifests.rendering import Rendered
from tests.support.sandbox import running_sandbox

PASSWORD = 'odd "one" \\ $HOME'

Renders = Callable[[str], Rendered]


@pytest.fixture(scope="module")
def nats(renders: Renders, tmp_path_factory: pytest.TempPathFactory) -> Generator[ChartNats]:
    folder = tmp_path_factory.mktemp("nats")
    authority = Authority(folder / "authority")
    now = SystemClock().now()
    write_credentials(folder / "orchestrator.creds", authority.for_service("orchestrator", now, None))
    write_credentials(folder / "worker.creds", authority.for_worker("mews-worker-0", now, None))
    authority.write_accounts(now)
    told = authority.server_configuration() | {"resolver_preload": authority.account_tokens()}
    configuration = the(renders("default").manifests, "ConfigMap", "mews-nats")["data"]["nats.conf"]
    server = ChartNats(folder / "nats", configuration, json.dumps(told))
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("who", ["orchestrator", "worker"])
async def test_nats_admits_whom_the_setup_has_told_it_of(who: str, nats: ChartNats) -> None:
    assert await _connects(nats, nats.data_dir.parent / f"{who}.creds")


async def test_nats_admits_nobody_without_a_credential(nats: ChartNats) -> None:
    assert not await _connects(nats, None)


def test_valkey_asks_for_the_password_whatever_is_in_it(renders: Renders, tmp_path: Path) -> None:
    server = ChartValkey(tmp_path / "redis", _container(renders, "mews-redis")["command"], PASSWORD)
    server.start()
    try:
        assert redis.Redis(port=server.port, password=PASSWORD).ping()
        with pytest.raises(AuthenticationError):
            redis.Redis(port=server.port, password="another", retry=Retry(NoBackoff(), 0)).ping()
    finally:
        server.stop()


def test_the_probe_of_the_sandbox_hears_it_as_any_user(renders: Renders) -> None:
    template = the(renders("default").manifests, "StatefulSet", "mews-worker")["spec"]["template"]["spec"]
    sandbox = next(one for one in template["initContainers"] if one["name"] == "sandbox")
    program: str = sandbox["livenessProbe"]["exec"]["command"][-1]
    with running_sandbox({"SANDBOX_ALLOWED_UIDS": "1"}) as server:
        alive = _probe(program, server.socket)
        server.stop()
        assert (alive, _probe(program, server.socket)) == (0, 1)


def test_the_test_assigns_nothing_before_a_call_through_the_gateway_succeeds(renders: Renders, tmp_path: Path) -> None:
    """A ready gateway is not enough: the orchestrator may be behind it a minute later."""
    spec = the(renders("default").manifests, "Pod", "mews-test")["spec"]
    (ready,), (task,) = spec["initContainers"], spec["containers"]
    assert ready["env"] == task["env"]
    program, calls = tmp_path / "mews", tmp_path / "calls"
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\ntest $(wc -l < {calls}) -eq 2\n')
    program.chmod(0o755)
    waited = subprocess.run(ready["command"], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False)
    assert (waited.returncode, calls.read_text()) == (0, "workers\nworkers\n")


async def _connects(server: ChartNats, credentials: Path | None) -> bool:
    settings = ServiceSettings(
        nats_host=server.host, nats_port=server.port, nats_credentials=str(credentials) if credentials else None
    )
    bus = await Bus.connect(settings, "orchestrator")
    try:
        return bus.connected
    finally:
        await bus.close()


def _probe(program: str, socket: Path) -> int:
    here = program.replace("/run/mews/sandbox.sock", str(socket))
    return subprocess.run([sys.executable, "-Ic", here], capture_output=True, check=False).returncode


def _container(renders: Renders, name: str) -> Manifest:
    return the(renders("default").manifests, "StatefulSet", name)["spec"]["template"]["spec"]["containers"][0]
