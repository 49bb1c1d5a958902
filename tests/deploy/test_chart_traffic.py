"""Who reaches whom, worked out from the rendered NetworkPolicies: these edges, and no others."""

from collections.abc import Callable

import pytest

from tests.support.manifests.objects import Manifest
from tests.support.manifests.rendering import NAMESPACE, Rendered
from tests.support.manifests.traffic import Network, Peer, edges, pods

Edge = tuple[str, str, int]

SERVICES = ("orchestrator", "telemetry-ingest", "analytics-query", "question-broker", "mcp-gateway")
CALLS = {
    ("mcp-gateway", "orchestrator"),
    ("mcp-gateway", "telemetry-ingest"),
    ("mcp-gateway", "analytics-query"),
    ("mcp-gateway", "question-broker"),
    ("analytics-query", "telemetry-ingest"),
    ("test", "mcp-gateway"),
}
REDIS_CLIENTS = ("telemetry-ingest", "analytics-query", "mcp-gateway")
PEOPLE = {
    "postgres": {*SERVICES, "migrate", "setup"},
    "nats": {*SERVICES, "setup", "worker"},
    "redis": {*REDIS_CLIENTS},
}
"""Who may reach each store, and nobody else."""
STORE_PORTS = {"postgres": 5432, "nats": 4222, "redis": 6379}
API_SERVER_CLIENTS = ("orchestrator", "setup")

DNS = Peer("dns", {"k8s-app": "kube-dns"}, {"dns": 53}, "kube-system")
PROMETHEUS = Peer("prometheus", {"app.kubernetes.io/name": "prometheus"}, namespace="monitoring")
NEIGHBOUR = Peer("neighbour", {"app": "other"}, {"http": 8080, "postgres": 5432}, "other", address="10.0.0.8")
STRANGER = Peer("stranger", {"app": "other"}, {"http": 8080, "postgres": 5432}, NAMESPACE)
API_SERVER = Peer("api-server", ports={"https": 6443}, address="172.18.0.2")
INTERNET = Peer("internet", ports={"https": 443, "http": 80, "ssh": 22}, address="203.0.113.7")
METADATA = Peer("metadata", ports={"http": 80}, address="169.254.169.254")
OUTSIDE = (PROMETHEUS, NEIGHBOUR, STRANGER, API_SERVER, INTERNET, METADATA)
# What `tests/deploy/values/full.yaml` names.
PROXY = Peer("proxy", {"app": "egress-proxy"}, {"http": 3128, "admin": 8080}, "mews-egress")
NATS = Peer("nats", {"app.kubernetes.io/name": "nats"}, {"client": 4222, "cluster": 6222}, "nats")
COLLECTOR = Peer("collector", ports={"otlp": 4318}, address="192.0.2.30")
POSTGRES = Peer("postgres", ports={"postgres": 5433}, address="192.0.2.20")
REDIS = Peer("redis", ports={"redis": 6380}, address="192.0.2.21")


@pytest.mark.parametrize("name", ["default", "quickstart"])
def test_pods_reach_each_other_by_the_edges_of_the_design_alone(name: str, renders: Callable[[str], Rendered]) -> None:
    manifests = renders(name).manifests
    stores = {(person, store, STORE_PORTS[store]) for store, people in PEOPLE.items() for person in people}
    calls = {(caller, callee, 8080) for caller, callee in CALLS}
    assert _among_pods(manifests) == calls | stores


@pytest.mark.parametrize("name", ["production", "full"])
def test_without_stores_of_its_own_only_calls_are_left(name: str, renders: Callable[[str], Rendered]) -> None:
    assert _among_pods(renders(name).manifests) == {(caller, callee, 8080) for caller, callee in CALLS}


def test_nobody_outside_gets_in_but_to_the_gateway_and_prometheus_to_metrics(manifests: list[Manifest]) -> None:
    network, own = Network.of(manifests, NAMESPACE), pods(manifests, NAMESPACE)
    incoming = {(source, _role(target)) for source, target, _ in edges(network, OUTSIDE, own)}
    scraped = {("prometheus", target) for target in (*SERVICES, "worker")}
    assert incoming - scraped <= {(peer.name, "mcp-gateway") for peer in OUTSIDE}
    assert scraped <= incoming


def test_every_pod_resolves_names(manifests: list[Manifest]) -> None:
    network = Network.of(manifests, NAMESPACE)
    for pod in pods(manifests, NAMESPACE):
        assert network.allows(pod, DNS, 53, "UDP"), pod.name
        assert network.allows(pod, DNS, 53), pod.name


@pytest.mark.parametrize(("name", "ways_out"), [("default", ()), ("quickstart", (443, 80, 22))])
def test_with_stores_of_its_own_nobody_gets_out_but_to_the_api_server(
    name: str, ways_out: tuple[int, ...], renders: Callable[[str], Rendered]
) -> None:
    """In a try-out tasks reach the internet, and no address of the cluster's networks."""
    outgoing = _outgoing(renders(name).manifests, OUTSIDE)
    # The address of the API server is not known, so anything at its ports is.
    by_clients = {(source, port) for source, _, port in outgoing if source != "worker"}
    assert by_clients == {(client, port) for client in API_SERVER_CLIENTS for port in (443, 6443)}
    assert {edge for edge in outgoing if edge[0] == "worker"} == {("worker", "internet", port) for port in ways_out}


def test_workers_reach_the_bus_the_proxy_and_the_collector_alone(renders: Callable[[str], Rendered]) -> None:
    outgoing = _outgoing(renders("full").manifests, (*OUTSIDE, PROXY, NATS, COLLECTOR, POSTGRES, REDIS))
    assert {(target, port) for source, target, port in outgoing if source == "worker"} == {
        ("nats", 4222),
        ("proxy", 3128),
        ("collector", 4318),
    }


def test_stores_outside_are_reached_by_those_who_use_them(renders: Callable[[str], Rendered]) -> None:
    outgoing = _outgoing(renders("full").manifests, (*OUTSIDE, PROXY, NATS, POSTGRES, REDIS))
    for store, port in (("postgres", 5433), ("nats", 4222), ("redis", 6380)):
        assert {source for source, target, to in outgoing if (target, to) == (store, port)} == PEOPLE[store]
    assert {source for source, target, _ in outgoing if target == "api-server"} == set(API_SERVER_CLIENTS)
    assert {source for source, target, _ in outgoing if target in ("internet", "metadata", "neighbour")} == set()


def _among_pods(manifests: list[Manifest]) -> set[Edge]:
    own = pods(manifests, NAMESPACE)
    found = edges(Network.of(manifests, NAMESPACE), own, own)
    return {(_role(source), _role(target), port) for source, target, port in found}


def _outgoing(manifests: list[Manifest], targets: tuple[Peer, ...]) -> set[Edge]:
    found = edges(Network.of(manifests, NAMESPACE), pods(manifests, NAMESPACE), targets)
    return {(_role(source), target, port) for source, target, port in found}


def _role(name: str) -> str:
    """What a workload is for: its name without release, kind, and what migration and revision it is."""
    alone = name.partition("/")[2].removeprefix("mews-")
    return next((role for role in ("migrate", "setup", "test") if alone.startswith(role)), alone)
