"""The checks themselves: what each of them is for makes it complain."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import pytest

from tests.support.apischemas import WireCheck
from tests.support.manifests import (
    addresses,
    environment,
    files,
    identity,
    ports,
    probes,
    processes,
    rbac,
    references,
    schemas,
    security,
    selectors,
    traffic,
)
from tests.support.manifests.objects import Manifest, workloads
from tests.support.manifests.specimen import good_release

Check = Callable[..., list[str]]
Change = Callable[[dict[str, Manifest]], object]


def _misfits(manifests: Sequence[Manifest]) -> list[str]:
    return schemas.misfits(manifests, schemas.VERSIONS[-1])


CHECKS = (
    _misfits,
    references.dangling,
    references.duplicates,
    selectors.loose,
    selectors.astray,
    ports.unmet,
    probes.unwatched,
    probes.unbounded,
    probes.impatient,
    security.restricted,
    security.beyond_restricted,
)


def _container(parts: dict[str, Manifest]) -> Manifest:
    return _pod(parts)["containers"][0]


def _pod(parts: dict[str, Manifest]) -> Manifest:
    return parts["deployment"]["spec"]["template"]["spec"]


def _set(holder: Callable[[dict[str, Manifest]], Manifest], **fields: Any) -> Change:
    """A change: fields of a part, replaced; None takes one away."""

    def change(parts: dict[str, Manifest]) -> None:
        there = holder(parts)
        there.update(fields)
        for name in [name for name, value in fields.items() if value is None]:
            del there[name]

    return change


def _without(name: str) -> Change:
    """A change: a part is gone."""
    return lambda parts: parts.pop(name)


def _context(parts: dict[str, Manifest]) -> Manifest:
    return _container(parts)["securityContext"]


def _pod_context(parts: dict[str, Manifest]) -> Manifest:
    return _pod(parts)["securityContext"]


def _part(name: str, *path: str) -> Callable[[dict[str, Manifest]], Manifest]:
    def find(parts: dict[str, Manifest]) -> Manifest:
        found = parts[name]
        for key in path:
            found = found[key]
        return found

    return find


BROKEN: list[tuple[Check, str, Change]] = [
    (_misfits, "replica", _set(_part("deployment", "spec"), replica=2)),
    (_misfits, "no Deployment in apps/v2", _set(_part("deployment"), apiVersion="apps/v2")),
    (_misfits, "is not of type", _set(_part("deployment", "spec"), replicas="two")),
    (references.dangling, "no ServiceAccount web", _without("account")),
    (references.dangling, "no Secret bus", _without("secret")),
    (references.dangling, "has no key web.creds", _set(_part("secret"), data={"other": "eA=="})),
    (references.dangling, "no Role web", _without("role")),
    (references.dangling, "no volume tmp", _set(_pod, volumes=[])),
    (references.dangling, "no ConfigMap cfg", _set(_container, envFrom=[{"configMapRef": {"name": "cfg"}}])),
    (references.duplicates, "Service/web", lambda parts: parts.update(again=parts["service"])),
    (selectors.loose, "nobody", _set(_part("deployment", "spec"), selector={"matchLabels": {"app": "x"}})),
    (
        selectors.loose,
        "helm.sh/chart",
        lambda parts: [
            labels.update({"helm.sh/chart": "mews-1"})
            for labels in (
                parts["deployment"]["spec"]["selector"]["matchLabels"],
                parts["deployment"]["spec"]["template"]["metadata"]["labels"],
            )
        ],
    ),
    (selectors.astray, "Service/web", _set(_part("service", "spec"), selector={"app": "x"})),
    (ports.unmet, "leads to port web", _set(_part("service", "spec"), ports=[{"port": 80, "targetPort": "web"}])),
    (ports.unmet, "livenessProbe", _set(_container, livenessProbe={"tcpSocket": {"port": 9}})),
    (ports.unmet, "takes no pod", _set(_part("policy", "spec"), podSelector={"matchLabels": {"app": "x"}})),
    (ports.unmet, "admits to port 9", _set(_part("policy", "spec"), ingress=[{"ports": [{"port": 9}]}])),
    (probes.unwatched, "has no readinessProbe", _set(_container, readinessProbe=None)),
    (probes.unbounded, "limits.memory", _set(_container, resources={"requests": {"cpu": "1", "memory": "1Gi"}})),
    (probes.unbounded, "requests.cpu", _set(_container, resources={})),
    (probes.impatient, "SHUTDOWN_GRACE_MS", _set(_pod, terminationGracePeriodSeconds=20)),
    (security.restricted, "hostNetwork", _set(_pod, hostNetwork=True)),
    (security.restricted, "hostPath", _set(_pod, volumes=[{"name": "tmp", "hostPath": {"path": "/"}}])),
    (security.restricted, "privileged", _set(_context, privileged=True)),
    (security.restricted, "allowPrivilegeEscalation", _set(_context, allowPrivilegeEscalation=None)),
    (security.restricted, "drop must hold ALL", _set(_context, capabilities={})),
    (security.restricted, "SYS_ADMIN", _set(_context, capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]})),
    (security.restricted, "runAsNonRoot", _set(_pod_context, runAsNonRoot=None)),
    (security.restricted, "runAsNonRoot", _set(_context, runAsNonRoot=False)),
    (security.restricted, "runAsUser", _set(_context, runAsUser=0)),
    (security.restricted, "seccompProfile", _set(_context, seccompProfile={"type": "Unconfined"})),
    (security.restricted, "hostPort", _set(_container, ports=[{"containerPort": 8080, "hostPort": 80}])),
    (security.restricted, "procMount", _set(_context, procMount="Unmasked")),
    (security.restricted, "seLinuxOptions", _set(_context, seLinuxOptions={"user": "root"})),
    (security.restricted, "appArmorProfile", _set(_context, appArmorProfile={"type": "Unconfined"})),
    (security.restricted, "host of a probe", _set(_container, livenessProbe={"httpGet": {"port": 1, "host": "x"}})),
    (security.restricted, "sysctl", _set(_pod_context, sysctls=[{"name": "kernel.msgmax", "value": "1"}])),
    (security.beyond_restricted, "readOnlyRootFilesystem", _set(_context, readOnlyRootFilesystem=None)),
    (security.beyond_restricted, "runAsUser", _set(_pod_context, runAsUser=None)),
    (security.beyond_restricted, "enableServiceLinks", _set(_pod, enableServiceLinks=None)),
    (security.beyond_restricted, "automountServiceAccountToken", _set(_pod, automountServiceAccountToken=None)),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_release_is_left_in_peace(check: Check) -> None:
    assert check(list(good_release().values())) == []


@pytest.mark.parametrize(
    ("check", "complaint", "change"), BROKEN, ids=[f"{check.__name__}-{complaint}" for check, complaint, _ in BROKEN]
)
def test_a_broken_release_is_told_what_is_wrong(check: Check, complaint: str, change: Change) -> None:
    parts = good_release()
    change(parts)
    assert any(complaint in found for found in check(list(parts.values())))


def _environment(**variables: str | None) -> tuple[list[Manifest], dict[str, str]]:
    parts = good_release()
    entries: list[Manifest] = _container(parts)["env"]
    kept = [entry for entry in entries if entry["name"] not in variables]
    _container(parts)["env"] = kept + [{"name": name, "value": value} for name, value in variables.items() if value]
    manifests = list(parts.values())
    (workload,) = workloads(manifests)
    return manifests, environment.environment(workload, workload.containers[0], manifests, lambda _name, key: key)


def test_an_environment_is_that_of_the_kubelet() -> None:
    _, variables = _environment(WORKER_ID="$(POD_NAME)-$(NOBODY)-$$(POD_NAME)")
    assert variables["WORKER_ID"] == "web-0-$(NOBODY)-$(POD_NAME)"


def test_misspelt_and_wrong_variables_are_found() -> None:
    _, variables = _environment(NATS_HOTS="nats", HTTP_PORT="none")
    assert processes.unknown("orchestrator", {*variables}) == {"NATS_HOTS"}
    assert [why.partition(":")[0] for why in processes.refused("orchestrator", variables)] == ["HTTP_PORT"]
    assert processes.unknown("sandbox", {"SANDBOX_SOCKET", "SANDBOX_MAX_WALL_MS", "SANDBOX_WALL"}) == {"SANDBOX_WALL"}
    assert processes.unknown("tools", {"MEWS_RELEASE", "MEWS_RELAESE", "NATS_HOST"}) == {"MEWS_RELAESE"}
    assert processes.is_secret("orchestrator", "POSTGRES_PASSWORD")
    assert not processes.is_secret("orchestrator", "POSTGRES_HOST")


@pytest.mark.parametrize(
    ("url", "lost"),
    [
        ("http://web.mews.svc:80", False),
        ("http://web", False),
        ("http://web.mews.svc.cluster.local", False),
        ("http://web:8080", True),
        ("http://web.other.svc", True),
        ("http://db.example.com", True),
    ],
)
def test_an_address_is_a_service_with_that_port(url: str, lost: bool) -> None:
    manifests, variables = _environment(ORCHESTRATOR_URL=url)
    assert bool(addresses.lost(variables, manifests, "mews")) == lost


@pytest.mark.parametrize(
    ("path", "there"), [("/etc/bus/bus.creds", True), ("/etc/bus/web.creds", False), ("/x", False)]
)
def test_a_file_is_what_a_volume_has_of_its_secret(path: str, there: bool) -> None:
    manifests, variables = _environment(NATS_CREDENTIALS=path)
    (workload,) = workloads(manifests)
    assert (files.absent(workload, workload.containers[0], variables) == []) == there


def test_rights_are_those_of_the_bound_role() -> None:
    assert rbac.rights(list(good_release().values())) == {"web": {("get", "", "pods", "one")}}


@pytest.mark.parametrize(
    ("source", "reaches"),
    [
        (traffic.Peer("friend", {"app": "friend"}, namespace="mews"), True),
        (traffic.Peer("friend elsewhere", {"app": "friend"}, namespace="other"), False),
        (traffic.Peer("stranger", {"app": "stranger"}, namespace="mews"), False),
        (traffic.Peer("outside", address="203.0.113.9"), False),
    ],
    ids=lambda given: getattr(given, "name", str(given)),
)
def test_a_policy_lets_in_whom_it_names(source: traffic.Peer, reaches: bool) -> None:
    manifests = list(good_release().values())
    network, (target,) = traffic.Network.of(manifests, "mews"), traffic.pods(manifests, "mews")
    assert network.allows(source, target, 8080) == reaches
    assert not network.allows(source, target, 9090)


@pytest.mark.parametrize(
    ("address", "port", "reaches"),
    [("203.0.113.9", 443, True), ("203.0.113.9", 80, False), ("203.0.113.7", 443, False), ("192.0.2.1", 443, False)],
)
def test_a_policy_lets_out_to_what_it_names(address: str, port: int, reaches: bool) -> None:
    manifests = list(good_release().values())
    network, (source,) = traffic.Network.of(manifests, "mews"), traffic.pods(manifests, "mews")
    assert network.allows(source, traffic.Peer("outside", address=address), port) == reaches


def test_a_pod_that_no_policy_takes_reaches_all_and_is_reached() -> None:
    network = traffic.Network("mews", ())
    pods = traffic.pods(list(good_release().values()), "mews")
    assert network.allows(pods[0], traffic.Peer("outside", address="203.0.113.9"), 22)


@pytest.mark.parametrize(
    ("complaint", "change"),
    [
        ("Deployment/web: selector", _set(_part("deployment", "spec"), selector={"matchLabels": {"app": "new"}})),
        ("Deployment/web is gone", _without("deployment")),
        ("Service/web: http", _set(_part("service", "spec"), ports=[{"name": "http", "port": 8080}])),
        ("Secret bus is no longer used", _set(_pod, volumes=[])),
    ],
    ids=["selector", "workload", "port", "secret"],
)
def test_a_loss_of_an_upgrade_is_found(complaint: str, change: Change) -> None:
    parts = good_release()
    before = identity.facts(list(parts.values()))
    assert identity.losses(before, identity.facts(list(deepcopy(parts).values()))) == []
    change(parts)
    assert any(found.startswith(complaint) for found in identity.losses(before, identity.facts(list(parts.values()))))


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": {"replicas": "3"}}, ["spec.replicas"]),
        ({"kind": "DeleteOptions", "apiVersion": "v1", "precondition": {}}, ["'precondition'"]),
        ({"kind": "PodList", "apiVersion": "v1", "items": [{"spec": {}}]}, ["'containers'"]),
        ({"kind": "Status", "apiVersion": "v1", "code": 404}, []),
    ],
)
def test_what_no_api_server_would_take_or_say_is_found_once(said: Manifest, fields: list[str]) -> None:
    wire = WireCheck()
    wire.see(said)
    wire.see(said)
    assert len(wire.misfits) == len(fields) * len(schemas.VERSIONS)
    assert all(field in found for field in fields for found in wire.misfits)
