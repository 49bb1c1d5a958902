"""`mews cluster`: what a release needs is made once, whatever happens meanwhile, and real servers take it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from contracts import subjects
from devstack.admin import SCHEMAS
from devstack.cli.app import app
from devstack.cluster.api import ClusterSecrets, cluster_secrets
from devstack.cluster.manifests import parsed
from devstack.cluster.release import Release
from devstack.cluster.setup import Setup, labels_of, make_all
from devstack.errors import DevstackError
from servicekit.bus import Bus
from servicekit.clock import SystemClock
from servicekit.settings import ServiceSettings
from tests.support.apiserver import ApiServer, Refused, an_api_server
from tests.support.stack import PASSWORD, Database, TestNats, TestPostgres
from tests.support.waiting import eventually

RELEASE = Release("mews", "mews", workers=2)
MORE = Release("mews", "mews", workers=4)
NAMES = ["bus", "bus-authority", "bus-workers", "gateway", "postgres", "redis", "services"]


class Chart(TestNats):
    """NATS as the chart runs it: its own configuration, with `server.conf` included."""

    def __init__(self, folder: Path, server_conf: str) -> None:
        super().__init__(folder / "nats")
        self._server_conf = server_conf

    def command(self) -> Sequence[str]:
        command = super().command()
        resolver = {"type": "full", "dir": str(self.data_dir / "accounts"), "allow_delete": False}
        own = (f"{key}: {json.dumps(value)}" for key, value in (self._configuration() | {"resolver": resolver}).items())
        (self.data_dir / "server.conf").write_text(self._server_conf)
        (self.data_dir / "nats.conf").write_text("\n".join(["include server.conf", *own]))
        return command


@pytest.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[ApiServer]:
    async with an_api_server() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        yield server


@asynccontextmanager
async def setting_up(release: Release, said: list[str], environ: dict[str, str] | None = None, within_s: float = 60):
    async with cluster_secrets(release.namespace, labels_of(release)) as keeper:
        yield Setup(release, keeper, environ or {}, SystemClock(), said.append, within_s)


async def set_up(release: Release = RELEASE, **how: Any) -> list[str]:
    said: list[str] = []
    async with setting_up(release, said, **how) as setup:
        await setup.run()
    return said


@pytest.fixture
def own_roles(postgres: TestPostgres, database: Database) -> Iterator[Database]:
    """A database whose roles may get other passwords: all databases of the server share them."""
    yield database
    postgres.make_template()


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[list[TestNats]]:
    started: list[TestNats] = []
    yield started
    for one in started:
        one.stop()


@asynccontextmanager
async def connected(nats: TestNats, name: str, credentials: str, folder: Path) -> AsyncGenerator[Bus]:
    file = folder / f"{name}.creds"
    file.write_text(credentials)
    settings = ServiceSettings(nats_host=nats.host, nats_port=nats.port, nats_credentials=str(file))
    inbox = subjects.worker_inbox(name) if "worker" in name else None
    bus = await Bus.connect(settings, name, inbox_prefix=inbox)
    try:
        yield bus
    finally:
        await bus.close()


async def test_a_release_is_set_up_while_its_servers_start_and_grows_later(
    cluster: ApiServer,
    own_roles: Database,
    stores: list[TestNats],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POSTGRES_HOST", own_roles.host)
    monkeypatch.setenv("POSTGRES_PORT", str(own_roles.port))
    monkeypatch.setenv("POSTGRES_DB", own_roles.name)
    given = {"POSTGRES_ADMIN_USER": "postgres", "POSTGRES_ADMIN_PASSWORD": PASSWORD}
    said: list[str] = []
    async with setting_up(RELEASE, said, given) as setup:
        await setup.run()
    assert sorted(cluster.secrets) == [f"mews-{name}" for name in NAMES]
    assert said[-1].startswith("NATS: NATS_HOST names no server")

    nats = Chart(tmp_path, cluster.secret("mews-bus")["server.conf"])
    await asyncio.to_thread(nats.start)
    stores.append(nats)
    await asyncio.to_thread(nats.stop)
    monkeypatch.setenv("NATS_HOST", nats.host)
    monkeypatch.setenv("NATS_PORT", str(nats.port))
    before = {name: cluster.secret(name) for name in cluster.secrets}
    said = []
    async with setting_up(MORE, said, given | {"NATS_HOST": nats.host}) as setup:
        running = asyncio.create_task(setup.run())
        await eventually(lambda: any(line.startswith("NATS: not yet") for line in said))
        await asyncio.to_thread(nats.start)
        async with asyncio.timeout(30):
            await running
    assert said[-1] == f"NATS at {nats.host}: 6 accounts told"
    after = {name: cluster.secret(name) for name in cluster.secrets}
    assert sorted(after["mews-bus-workers"]) == [f"mews-worker-{place}.creds" for place in range(4)]
    for name in before.keys() - {"mews-bus-authority"}:
        kept = before[name].items() - {("server.conf", before[name].get("server.conf", ""))}
        assert kept <= after[name].items(), name

    creds = after["mews-bus-workers"] | after["mews-bus"]
    for name in ("mews-worker-0", "mews-worker-3", "orchestrator", "mcp-gateway"):
        async with connected(nats, name, creds[f"{name}.creds"], tmp_path) as bus:
            assert bus.connected, name
    for schema in SCHEMAS:
        for role in (f"{schema}_owner", f"{schema}_app"):
            login = {"user": role, "password": after["mews-postgres"][f"{role}_password"], "database": own_roles.name}
            connection = await asyncpg.connect(host=own_roles.host, port=own_roles.port, **login)
            assert await connection.fetchval("SHOW search_path") == schema
            await connection.close()


async def test_a_second_setup_changes_nothing_and_what_somebody_else_has_set_stays(cluster: ApiServer) -> None:
    for name, own in (("mews-redis", {"password": "bXkgb3du"}), ("mews-gateway", {"tokens": ""})):
        meta = {"name": name, "resourceVersion": "1"}
        cluster.secrets[name] = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": own}
    first = await set_up()
    assert "Secret mews-redis: is as it should be" in first
    before = json.dumps(cluster.secrets)
    again = await set_up()
    assert [line for line in again if line.startswith("Secret") and not line.endswith("is as it should be")] == []
    assert json.dumps(cluster.secrets) == before
    assert cluster.secret("mews-redis") == {"password": "my own"}
    assert cluster.secret("mews-gateway")["tokens"] == ""


@pytest.mark.parametrize("writes", range(7))
async def test_a_setup_that_was_broken_off_is_finished_by_the_next(cluster: ApiServer, writes: int) -> None:
    def refuse() -> None:
        raise Refused(500, "broken off")

    cluster.before.extend([lambda: None] * writes + [refuse])
    with pytest.raises(DevstackError, match="broken off"):
        await set_up(within_s=0)
    kept = {name: cluster.secret(name) for name in cluster.secrets}
    assert len(kept) == writes
    await set_up()
    assert sorted(cluster.secrets) == [f"mews-{name}" for name in NAMES]
    for name in kept.keys() - {"mews-bus-authority"}:
        assert cluster.secret(name) == kept[name]
    # All credentials are of the authority that is kept: a third finds nothing to do.
    assert all(line.endswith("is as it should be") for line in await set_up() if line.startswith("Secret"))


async def test_setups_at_the_same_time_agree(cluster: ApiServer) -> None:
    await asyncio.gather(*(set_up() for _ in range(4)))
    assert all(line.endswith("is as it should be") for line in await set_up() if line.startswith("Secret"))


async def test_a_lost_authority_is_not_replaced_in_silence(cluster: ApiServer) -> None:
    await set_up()
    del cluster.secrets["mews-bus-authority"]
    with pytest.raises(DevstackError, match=r"mews-bus and mews-bus-workers: .* mews-bus-authority, is gone"):
        await set_up(within_s=0)
    del cluster.secrets["mews-bus"], cluster.secrets["mews-bus-workers"]
    await set_up()


async def test_only_what_was_asked_for_is_made(cluster: ApiServer) -> None:
    await set_up(Release("mews", "mews", 1, frozenset({"services", "gateway"})))
    assert sorted(cluster.secrets) == ["mews-gateway", "mews-services"]
    services = cluster.secret("mews-services")
    assert services["mcp-gateway_callers"] == ""
    assert [one.split(":")[0] for one in services["telemetry-ingest_callers"].split(",")] == [
        "mcp-gateway",
        "analytics-query",
    ]


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (Refused(403, "no"), "does not let this account get Secret mews-postgres in mews: no"),
        (Refused(503, "starting"), r"the Secrets: not done within 0 s: .* answered 503"),
    ],
)
async def test_what_the_api_server_refuses_is_told(cluster: ApiServer, refusal: Refused, says: str) -> None:
    cluster.refusals.append(refusal)
    with pytest.raises(DevstackError, match=says):
        await set_up(within_s=0)


async def test_printed_secrets_are_those_that_a_cluster_would_get_and_can_be_added_to(tmp_path: Path) -> None:
    def mews(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["cluster", "secrets", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    def printed(*arguments: str) -> dict[str, Any]:
        text = mews(*arguments)
        (tmp_path / "secrets.yaml").write_text(text)
        return parsed(text)

    two = await asyncio.to_thread(printed, "--workers", "2")
    assert sorted(two) == [f"mews-{name}" for name in NAMES]
    three = await asyncio.to_thread(printed, "--workers", "3", "--from", str(tmp_path / "secrets.yaml"))
    assert three["mews-postgres"] == two["mews-postgres"]
    assert three["mews-bus-workers"].items() > two["mews-bus-workers"].items()
    assert len(three["mews-bus-workers"]) == 3


async def test_a_version_with_other_rights_makes_credentials_anew(
    cluster: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contracts import permissions

    with monkeypatch.context() as earlier:
        less = partial(permissions.Rights, ("worker.progress.x",), ())
        earlier.setattr(permissions, "rights_of_worker", lambda _worker: less())
        await set_up()
    said = await set_up()
    assert "Secret mews-bus-workers: made anew mews-worker-0.creds, mews-worker-1.creds" in said
    issued = json.loads(cluster.secret("mews-bus-authority")["authority.json"])["workers"]["mews-worker-0"]
    assert (len(issued["issued"]), issued["revoked"]) == (2, {})


async def test_secrets_are_made_by_whoever_keeps_them(cluster: ApiServer) -> None:
    """What the command line does without a cluster, on the keeper of a cluster."""
    said: list[str] = []
    async with cluster_secrets("mews", {"made-by": "a test"}) as keeper:
        assert isinstance(keeper, ClusterSecrets)
        await make_all(RELEASE, keeper, SystemClock().now(), None, said.append)
    assert len(said) == len(NAMES)
    assert cluster.secrets["mews-bus"]["metadata"]["labels"] == {"made-by": "a test"}
