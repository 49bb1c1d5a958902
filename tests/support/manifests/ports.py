"""Ports: Services, probes, routes and monitors must meet a port that a container listens on."""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.support.manifests.objects import Container, Manifest, Workload, named, of_kind, selects, title, workloads

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
HANDLERS = ("httpGet", "tcpSocket", "grpc")


def unmet(manifests: Sequence[Manifest]) -> list[str]:
    """Ports that are named, or given by number, and that nobody has."""
    made = workloads(manifests)
    found = [*_of_probes(made), *_of_services(manifests, made), *_of_backends(manifests), *_of_monitors(manifests)]
    return [*found, *_of_policies(manifests, made)]


def target_of(service: Manifest, port: int, workload: Workload) -> int | None:
    """The container's port behind a port of a Service; None if there is none."""
    for entry in service["spec"]["ports"]:
        if entry["port"] == port:
            target: Any = entry.get("targetPort", port)
            return workload.ports.get(target) if isinstance(target, str) else int(target)
    return None


def _of_probes(made: Sequence[Workload]) -> Iterator[str]:
    for workload in made:
        for container in workload.containers:
            yield from _of_container(container)


def _of_container(container: Container) -> Iterator[str]:
    for name in PROBES:
        for handler in HANDLERS:
            found: Manifest | None = (container.body.get(name) or {}).get(handler)
            if found and not _has(container.ports, found["port"]):
                yield f"{container.name}: {name} asks port {found['port']}, which the container does not have"


def _of_services(manifests: Sequence[Manifest], made: Sequence[Workload]) -> Iterator[str]:
    for service in of_kind(manifests, "Service"):
        labels = {"matchLabels": service["spec"]["selector"]} if service["spec"].get("selector") else None
        for workload in made:
            if selects(labels, workload.labels):
                yield from _of_service(service, workload)


def _of_service(service: Manifest, workload: Workload) -> Iterator[str]:
    for port in service["spec"]["ports"]:
        target = port.get("targetPort", port["port"])
        if not _has(workload.ports, target):
            yield f"{title(service)}: leads to port {target}, which {workload.title} does not have"


def _of_backends(manifests: Sequence[Manifest]) -> Iterator[str]:
    for owner, name, port in _backends(manifests):
        service = named(manifests, "Service", name)
        if service is not None and port not in _ports_of(service):
            yield f"{owner}: leads to port {port}, which Service/{name} does not have"


def _backends(manifests: Sequence[Manifest]) -> Iterator[tuple[str, str, Any]]:
    for route in of_kind(manifests, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule.get("backendRefs") or []:
                yield title(route), backend["name"], backend.get("port")
    for ingress in of_kind(manifests, "Ingress"):
        for rule in ingress["spec"].get("rules") or []:
            for path in rule["http"]["paths"]:
                service: Manifest = path["backend"]["service"]
                yield title(ingress), service["name"], service["port"].get("name") or service["port"].get("number")


def _of_monitors(manifests: Sequence[Manifest]) -> Iterator[str]:
    for monitor in of_kind(manifests, "ServiceMonitor"):
        taken = [s for s in of_kind(manifests, "Service") if selects(monitor["spec"]["selector"], _labels(s))]
        ports = [{port.get("name") for port in service["spec"]["ports"]} for service in taken]
        yield from _scraped(monitor, "endpoints", ports)
    for monitor in of_kind(manifests, "PodMonitor"):
        pods = [w for w in workloads(manifests) if w.standing and selects(monitor["spec"]["selector"], w.labels)]
        yield from _scraped(monitor, "podMetricsEndpoints", [set[Any](workload.ports) for workload in pods])


def _scraped(monitor: Manifest, field: str, targets: Sequence[set[Any]]) -> Iterator[str]:
    if not targets:
        yield f"{title(monitor)}: takes nothing"
    for endpoint in monitor["spec"][field]:
        if not all(endpoint["port"] in ports for ports in targets):
            yield f"{title(monitor)}: scrapes port {endpoint['port']}, which not all that it takes have"


def _of_policies(manifests: Sequence[Manifest], made: Sequence[Workload]) -> Iterator[str]:
    for policy in of_kind(manifests, "NetworkPolicy"):
        pods = [workload for workload in made if selects(policy["spec"]["podSelector"], workload.labels)]
        if not pods:
            yield f"{title(policy)}: takes no pod"
        for rule in policy["spec"].get("ingress") or []:
            for port in rule.get("ports") or []:
                if not any(_has(workload.ports, port.get("port")) for workload in pods):
                    yield f"{title(policy)}: admits to port {port.get('port')}, which none of its pods has"


def _labels(manifest: Manifest) -> dict[str, str]:
    return manifest["metadata"].get("labels") or {}


def _ports_of(service: Manifest) -> set[Any]:
    return {port[key] for port in service["spec"]["ports"] for key in ("name", "port") if key in port}


def _has(ports: dict[str, int], wanted: Any) -> bool:
    return wanted in ports or wanted in ports.values()
