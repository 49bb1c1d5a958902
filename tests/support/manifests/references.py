"""Names that manifests use: each must be that of something that is there."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from tests.support.manifests.objects import Manifest, Workload, named, of_kind, title, workloads


class Reference(NamedTuple):
    """Who names what, and which key of it, if any."""

    by: str
    kind: str
    name: str
    key: str | None = None
    optional: bool = False


def dangling(manifests: Sequence[Manifest], elsewhere: Collection[tuple[str, str]] = ()) -> list[str]:
    """References to what is neither rendered nor made elsewhere: pairs of kind and name."""
    found = (_dangles(reference, manifests, elsewhere) for reference in references(manifests))
    return sorted({complaint for complaint in found if complaint})


def duplicates(manifests: Sequence[Manifest]) -> list[str]:
    """Objects that are there twice."""
    titles = [f"{found.get('apiVersion')} {title(found)}" for found in manifests]
    return sorted({name for name in titles if titles.count(name) > 1})


def references(manifests: Sequence[Manifest]) -> Iterator[Reference]:
    """All that pods, bindings, routes and scalers name."""
    for workload in workloads(manifests):
        yield from _of_pod(workload)
    for workload in of_kind(manifests, "StatefulSet"):
        yield Reference(title(workload), "Service", workload["spec"]["serviceName"])
    for binding in of_kind(manifests, "RoleBinding", "ClusterRoleBinding"):
        yield Reference(title(binding), binding["roleRef"]["kind"], binding["roleRef"]["name"])
        for subject in binding["subjects"]:
            yield Reference(title(binding), subject["kind"], subject["name"])
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler", "ScaledObject"):
        target: Manifest = scaler["spec"]["scaleTargetRef"]
        yield Reference(title(scaler), target.get("kind", "Deployment"), target["name"])
    yield from _of_routes(manifests)


def secrets(manifests: Sequence[Manifest]) -> set[tuple[str, str | None]]:
    """Name and key of each Secret that a pod uses."""
    return {(found.name, found.key) for found in references(manifests) if found.kind == "Secret"}


def _dangles(reference: Reference, manifests: Sequence[Manifest], elsewhere: Collection[tuple[str, str]]) -> str | None:
    if (reference.kind, reference.name) in elsewhere or reference.optional:
        return None
    found = named(manifests, reference.kind, reference.name)
    if found is None:
        return f"{reference.by}: there is no {reference.kind} {reference.name}"
    keys: set[str] = (found.get("data") or {}).keys() | (found.get("binaryData") or {}).keys()
    if reference.key is not None and reference.key not in keys:
        return f"{reference.by}: {reference.kind} {reference.name} has no key {reference.key}"
    return None


def _of_pod(workload: Workload) -> Iterator[Reference]:
    by, spec = workload.title, workload.spec
    account = spec.get("serviceAccountName")
    if account and account != "default":
        yield Reference(by, "ServiceAccount", account)
    for secret in spec.get("imagePullSecrets") or []:
        yield Reference(by, "Secret", secret["name"])
    yield from _of_volumes(by, spec)
    for container in workload.containers:
        yield from _of_environment(container.name, container.body)
    yield from _missing_volumes(workload)


def _of_volumes(by: str, spec: Manifest) -> Iterator[Reference]:
    for volume in spec.get("volumes") or []:
        sources: list[Manifest] = [volume, *(volume.get("projected") or {}).get("sources", [])]
        for source in sources:
            yield from _of_source(by, source)


def _of_source(by: str, source: Manifest) -> Iterator[Reference]:
    if claim := source.get("persistentVolumeClaim"):
        yield Reference(by, "PersistentVolumeClaim", claim["claimName"])
    for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        if found := source.get(field):
            name: str = found.get("secretName") or found["name"]
            optional = bool(found.get("optional"))
            items: list[Manifest] = found.get("items") or []
            for key in [item["key"] for item in items] or [None]:
                yield Reference(by, kind, name, key, optional)


def _of_environment(by: str, container: Manifest) -> Iterator[Reference]:
    for variable in container.get("env") or []:
        source: dict[str, Any] = variable.get("valueFrom") or {}
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if found := source.get(field):
                yield Reference(by, kind, found["name"], found["key"], bool(found.get("optional")))
    for whole in container.get("envFrom") or []:
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if found := whole.get(field):
                yield Reference(by, kind, found["name"], None, bool(found.get("optional")))


def _missing_volumes(workload: Workload) -> Iterator[Reference]:
    """Mounts of volumes that the pod does not have, as references that cannot be followed."""
    claims: list[Manifest] = workload.manifest["spec"].get("volumeClaimTemplates") or []
    there = {volume["name"] for volume in workload.spec.get("volumes") or []}
    there |= {claim["metadata"]["name"] for claim in claims}
    for container in workload.containers:
        for mount in container.body.get("volumeMounts") or []:
            if mount["name"] not in there:
                yield Reference(container.name, "volume", mount["name"])


def _of_routes(manifests: Sequence[Manifest]) -> Iterator[Reference]:
    for route in of_kind(manifests, "HTTPRoute"):
        backends = [backend for rule in route["spec"]["rules"] for backend in rule.get("backendRefs") or []]
        yield from (Reference(title(route), "Service", backend["name"]) for backend in backends)
    for ingress in of_kind(manifests, "Ingress"):
        paths = [path for rule in ingress["spec"].get("rules") or [] for path in rule["http"]["paths"]]
        yield from (Reference(title(ingress), "Service", path["backend"]["service"]["name"]) for path in paths)
