"""The Kubernetes adapter of the fleet, against an API server: what it sees, does, and makes of refusals."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.domain import Instance
from orchestrator.errors import FleetAway, FleetChanged, FleetRefused
from orchestrator.fleets.kubernetes import KubernetesFleet, open_kubernetes
from tests.support.apiserver import TOKEN, ApiServer, Refused, an_api_server
from tests.support.certificates import TestAuthority


@pytest.fixture
async def cluster() -> AsyncGenerator[ApiServer]:
    async with an_api_server(replicas=3) as server:
        yield server


@pytest.fixture
async def fleet(cluster: ApiServer, tmp_path: Path) -> AsyncGenerator[KubernetesFleet]:
    made = await open_kubernetes("mews", "mews-worker", str(cluster.kubeconfig(tmp_path)), 2.0)
    yield made
    await made.close()


async def test_a_look_shows_the_size_and_every_pod_of_the_set(cluster: ApiServer, fleet: KubernetesFleet) -> None:
    cluster.unready("mews-worker-1", "CrashLoopBackOff")
    cluster.initialise("mews-worker-2", "credential")
    cluster.pods["mews-migrate"] = cluster.pods["mews-worker-0"] | {"metadata": {"name": "mews-migrate", "labels": {}}}
    look = await fleet.look()
    assert look.replicas == 3
    assert [(one.worker_id, one.is_ready, one.reason) for one in look.instances] == [
        ("mews-worker-0", True, None),
        ("mews-worker-1", False, "worker-agent: CrashLoopBackOff"),
        ("mews-worker-2", False, "containers with incomplete status: [credential]"),
    ]
    cluster.resize(0)
    cluster.settle()
    assert (await fleet.look())[::2] == (0, [])


async def test_a_large_fleet_is_read_page_by_page(cluster: ApiServer, fleet: KubernetesFleet) -> None:
    cluster.resize(1_203)
    cluster.settle()
    assert len({one.instance for one in (await fleet.look()).instances}) == 1_203
    assert [path for _, path in cluster.seen].count("/api/v1/namespaces/mews/pods") == 3


async def test_only_the_very_pod_is_deleted_and_a_repeat_is_harmless(
    cluster: ApiServer, fleet: KubernetesFleet
) -> None:
    first = (await fleet.look()).instances[0]
    await fleet.end(first)
    assert [one.is_ending for one in (await fleet.look()).instances] == [True, False, False]
    cluster.settle()
    second = cluster.uid("mews-worker-0")
    assert second != first.instance
    await fleet.end(first)
    await fleet.end(Instance("mews-worker-9", "never", is_ready=True))
    assert "deletionTimestamp" not in cluster.pods["mews-worker-0"]["metadata"]


async def test_a_size_that_another_has_changed_meanwhile_is_left_alone(
    cluster: ApiServer, fleet: KubernetesFleet
) -> None:
    look = await fleet.look()
    assert look.version is not None
    await fleet.scale(4, look.version)
    assert cluster.replicas == 4
    with pytest.raises(FleetChanged, match="has been modified"):
        await fleet.scale(5, look.version)
    assert cluster.replicas == 4


@pytest.mark.parametrize(
    ("refusal", "error", "says", "again_in_s"),
    [
        (Refused(403, "cannot list"), FleetRefused, "does not let this service get statefulsets/scale", 60),
        (Refused(404, "gone"), FleetRefused, "no StatefulSet 'mews-worker' in namespace 'mews'", 60),
        (Refused(429, "slow down", headers={"Retry-After": "7"}), FleetAway, "slow down", 7),
        (Refused(503, "starting"), FleetAway, "answered 503", 0),
    ],
)
async def test_what_the_api_server_refuses_is_told_with_what_to_do(
    cluster: ApiServer,
    fleet: KubernetesFleet,
    refusal: Refused,
    error: type[FleetAway],
    says: str,
    again_in_s: float,
) -> None:
    cluster.refusals.append(refusal)
    with pytest.raises(error, match=says) as caught:
        await fleet.look()
    assert caught.value.again_in_s == again_in_s


async def test_an_answer_that_is_not_understood_is_told_as_that(cluster: ApiServer, fleet: KubernetesFleet) -> None:
    del cluster.pods["mews-worker-1"]["metadata"]["uid"]
    with pytest.raises(FleetAway, match=r"answers what is not understood: KeyError\('uid'\)"):
        await fleet.look()


async def test_an_api_server_that_is_away_is_told_as_that(cluster: ApiServer, tmp_path: Path) -> None:
    cluster.url = "http://127.0.0.1:9"
    fleet = await open_kubernetes("mews", "mews-worker", str(cluster.kubeconfig(tmp_path)), 2.0)
    with pytest.raises(FleetAway, match=r"does not answer at http://127\.0\.0\.1:9"):
        await fleet.look()
    await fleet.close()
    with pytest.raises(FleetRefused, match="no way to an API server"):
        await open_kubernetes("mews", "mews-worker", str(tmp_path / "none"), 2.0)


def _at_once(**_period: float) -> timedelta:
    return timedelta(0)


async def test_in_a_cluster_the_pods_own_account_opens_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernetes.aio.config import incluster_config

    authority = TestAuthority(tmp_path)
    token = tmp_path / "token"
    token.write_text("an older one")
    async with an_api_server(authority.issue("kubernetes"), replicas=2) as server:
        host, port = server.url.removeprefix("https://").split(":")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
        monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(authority.certificate))
        fleet = await open_kubernetes("mews", "mews-worker", None, 2.0)
        with pytest.raises(FleetAway, match="401"):
            await fleet.look()
        await fleet.close()
        token.write_text(TOKEN)
        # The client reads the file anew after a minute: here at each request.
        monkeypatch.setattr(incluster_config, "datetime", SimpleNamespace(datetime=datetime, timedelta=_at_once))
        fleet = await open_kubernetes("mews", "mews-worker", None, 2.0)
        assert (await fleet.look()).replicas == 2
        token.write_text("")
        with pytest.raises(FleetAway, match="Token file exists but empty"):
            await fleet.look()
        await fleet.close()
