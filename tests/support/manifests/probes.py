"""Probes and resources of containers."""

from collections.abc import Iterator, Sequence

from tests.support.manifests.objects import Container, Manifest, Workload, containers, workloads

ALWAYS = ("startupProbe", "livenessProbe")


def unwatched(manifests: Sequence[Manifest]) -> list[str]:
    """Containers that run until they are stopped and lack a probe; one without a port has nobody to be ready for."""
    return [
        f"{container.name}: has no {probe}"
        for workload in workloads(manifests)
        for container in _long_running(workload)
        for probe in (*ALWAYS, *(["readinessProbe"] if container.ports else []))
        if probe not in container.body
    ]


def unbounded(manifests: Sequence[Manifest]) -> list[str]:
    """Containers without requests of CPU and memory, or without a limit of memory."""
    return [f"{container.name}: {lack}" for container in containers(manifests) for lack in _lacks(container)]


def impatient(manifests: Sequence[Manifest]) -> list[str]:
    """Workloads whose pods are killed while they may still be at work after SIGTERM (SHUTDOWN_GRACE_MS)."""
    return [complaint for workload in workloads(manifests) for complaint in _impatience(workload)]


def _long_running(workload: Workload) -> Iterator[Container]:
    for container in workload.containers:
        if (workload.standing and not container.init) or container.sidecar:
            yield container


def _lacks(container: Container) -> Iterator[str]:
    resources: Manifest = container.body.get("resources") or {}
    for kind in ("cpu", "memory"):
        if kind not in (resources.get("requests") or {}):
            yield f"resources.requests.{kind} is missing"
    if "memory" not in (resources.get("limits") or {}):
        yield "resources.limits.memory is missing"


def _impatience(workload: Workload) -> Iterator[str]:
    patience_ms = 1000 * int(workload.spec.get("terminationGracePeriodSeconds", 30))
    for container in workload.containers:
        for variable in container.body.get("env") or []:
            if variable["name"] == "SHUTDOWN_GRACE_MS" and int(variable["value"]) >= patience_ms:
                yield f"{container.name}: SHUTDOWN_GRACE_MS={variable['value']} is not below {patience_ms} ms"
