"""`deploy/k8s`: what the chart needs of a cluster, in accord with the chart's values for production."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import helm_python
import pytest
import yaml

from contracts.streams import BUCKETS, STREAMS
from deploy.k8s import manifests as plain
from devstack.servers.nats import MAX_PAYLOAD_BYTES
from tests.support.manifests import ports, probes, references, schemas, security, selectors
from tests.support.manifests.objects import Manifest, of_kind, read, the
from tests.support.manifests.rendering import NAMESPACE, RELEASE, Rendered
from tests.support.manifests.traffic import Network, Peer, pods

FOLDER = Path(plain.__file__).parent
PROXY = FOLDER / "egress-proxy"
STORES, EGRESS = "mews-stores", "mews-egress"
MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE


def _documents(*files: Path) -> list[Manifest]:
    return [found for file in files for found in yaml.safe_load_all(file.read_text())]


@pytest.fixture(scope="module")
def examples() -> list[Manifest]:
    """All manifests but those of the proxy."""
    return [found for found in _documents(*sorted(FOLDER.glob("*.yaml"))) if "kind" in found]


@pytest.fixture(scope="module")
def proxy() -> list[Manifest]:
    """The proxy's manifests, with the ConfigMap that kustomize makes."""
    (generated,) = yaml.safe_load((PROXY / "kustomization.yaml").read_text())["configMapGenerator"]
    data = {name: (PROXY / name).read_text() for name in generated["files"]}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generated["name"]}, "data": data}
    return [config, *_documents(PROXY / "proxy.yaml", PROXY / "network.yaml")]


@pytest.fixture(scope="module")
def production(renders: Callable[[str], Rendered]) -> Rendered:
    """The chart with its values for production."""
    return renders("production")


@pytest.mark.parametrize("version", schemas.VERSIONS)
def test_examples_fit_kubernetes(version: str, examples: list[Manifest], proxy: list[Manifest]) -> None:
    assert schemas.misfits([*examples, *proxy], version) == []


@pytest.mark.parametrize(
    "check",
    [
        references.dangling,
        selectors.loose,
        selectors.astray,
        ports.unmet,
        probes.unwatched,
        probes.unbounded,
        security.restricted,
        security.beyond_restricted,
    ],
    ids=lambda check: check.__name__,
)
def test_nothing_of_the_proxy_is(check: Callable[..., list[str]], proxy: list[Manifest]) -> None:
    assert check(proxy) == []


def test_every_namespace_holds_pods_to_the_restricted_standard(examples: list[Manifest]) -> None:
    namespaces = {found["metadata"]["name"]: found["metadata"]["labels"] for found in of_kind(examples, "Namespace")}
    assert namespaces.keys() == {NAMESPACE, STORES, EGRESS}
    assert {labels["pod-security.kubernetes.io/enforce"] for labels in namespaces.values()} == {"restricted"}


def test_the_stores_of_production_are_those_of_the_examples(production: Rendered, examples: list[Manifest]) -> None:
    hosts = {store: production.values[store]["external"]["host"] for store in ("postgres", "nats", "redis")}
    (cluster,) = of_kind(examples, "Cluster")
    assert hosts["postgres"] == f"{cluster['metadata']['name']}-rw.{cluster['metadata']['namespace']}.svc"
    for store in ("nats", "redis"):
        certificate = the(examples, "Certificate", store)
        assert hosts[store] in certificate["spec"]["dnsNames"]


@pytest.mark.parametrize(("store", "port"), [("postgres", 5432), ("nats", 4222), ("redis", 6379)])
def test_production_reaches_its_stores_and_nothing_else_at_their_ports(
    store: str, port: int, production: Rendered
) -> None:
    network = Network.of(production.manifests, NAMESPACE)
    there, elsewhere = Peer(store, namespace=STORES), Peer("impostor", namespace="other", address="203.0.113.7")
    callers = pods(production.manifests, NAMESPACE)
    assert any(network.allows(caller, there, port) for caller in callers)
    assert not any(network.allows(caller, elsewhere, port) for caller in callers)


def test_there_are_as_many_bus_servers_as_copies_of_a_stream(production: Rendered) -> None:
    configuration = yaml.safe_load((FOLDER / "nats-values.yaml").read_text())["config"]
    assert configuration["cluster"]["replicas"] >= production.values["nats"]["replicas"] == 3
    assert configuration["merge"]["max_payload"] == f"<< {MAX_PAYLOAD_BYTES // MEBIBYTE}MB >>"


def test_what_streams_and_buckets_reserve_fits_into_each_bus_server(production: Rendered) -> None:
    """JetStream reserves the most bytes of a stream when it is made, and refuses the one for which there is no room."""
    store = yaml.safe_load((FOLDER / "nats-values.yaml").read_text())["config"]["jetstream"]["fileStore"]
    most, volume = (int(size.removesuffix("Gi")) * GIBIBYTE for size in (store["maxSize"], store["pvc"]["size"]))
    assert (len(STREAMS) + len(BUCKETS)) * production.values["nats"]["streamMaxBytes"] <= most < volume


def test_the_prometheus_of_the_examples_finds_every_monitor_and_rule_by_one_label(
    production: Rendered, examples: list[Manifest]
) -> None:
    found = of_kind(production.manifests, "ServiceMonitor", "PodMonitor", "PrometheusRule")
    assert {one["kind"] for one in found} == {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
    nats = yaml.safe_load((FOLDER / "nats-values.yaml").read_text())["promExporter"]["podMonitor"]["merge"]
    (cluster,) = of_kind(examples, "Cluster")
    labels = [one["metadata"]["labels"] for one in (*found, nats)] + [cluster["spec"]["inheritedMetadata"]["labels"]]
    assert {found.get("release") for found in labels} == {"kube-prometheus-stack"}


def test_with_the_example_for_keda_it_alone_scales_the_workers_of_production(chart: helm_python.Chart) -> None:
    values = plain.values_of(plain.SETS["production"], FOLDER / "keda-values.yaml")
    chart.validate_schema(values)
    manifests = read(chart.render(values, name=RELEASE, namespace=NAMESPACE))
    (scaler,) = of_kind(manifests, "ScaledObject")
    assert schemas.misfits([scaler], schemas.VERSIONS[-1]) == []
    workers = the(manifests, "StatefulSet", scaler["spec"]["scaleTargetRef"]["name"])
    assert "replicas" not in workers["spec"]
    (orchestrator,) = the(manifests, "Deployment", "mews-orchestrator")["spec"]["template"]["spec"]["containers"]
    assert {"name": "FLEET_AUTOSCALE", "value": "false"} in orchestrator["env"]
    assert {"name": "FLEET", "value": "kubernetes"} in orchestrator["env"]


def test_production_goes_out_by_the_proxy_of_the_examples(production: Rendered, proxy: list[Manifest]) -> None:
    url = urlsplit(production.values["egressProxy"]["url"])
    service = the(proxy, "Service", "egress-proxy")
    assert url.hostname == f"egress-proxy.{EGRESS}.svc"
    assert url.port in {port["port"] for port in service["spec"]["ports"]}


def test_workers_alone_reach_the_proxy_and_the_proxy_nothing_inside(
    production: Rendered, proxy: list[Manifest]
) -> None:
    (door,) = pods(proxy, EGRESS)
    inside, outside = Network.of(proxy, EGRESS), Network.of(production.manifests, NAMESPACE)
    callers = pods(production.manifests, NAMESPACE)
    assert [pod.name for pod in callers if inside.allows(pod, door, 3128) and outside.allows(pod, door, 3128)] == [
        "StatefulSet/mews-worker"
    ]
    assert inside.allows(door, Peer("github", address="203.0.113.7"), 443)
    for address in ("10.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1", "100.64.0.1"):
        assert not inside.allows(door, Peer("inside", address=address), 443), address


def test_no_domain_is_below_another(proxy: list[Manifest]) -> None:
    """Squid refuses to start with such a list."""
    lines = (PROXY / "allowed-domains.txt").read_text().splitlines()
    domains = [line for line in lines if line and not line.startswith("#")]
    covered = [
        one for one in domains for other in domains if one != other and other[0] == "." and f".{one}".endswith(other)
    ]
    assert covered == []
    assert len(domains) == len(set(domains)) > 0
