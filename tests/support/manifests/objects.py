"""Manifests, and the pods and containers in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Manifest = dict[str, Any]

# Where each kind keeps the template of its pods.
TEMPLATES: dict[str, tuple[str, ...]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
STANDING = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
"""Kinds whose pods run until they are told to stop."""


@dataclass(frozen=True)
class Container:
    """A container of a workload; a `sidecar` is an init container that keeps running."""

    workload: str
    body: Manifest
    init: bool

    @property
    def name(self) -> str:
        """Its workload and its own name, for messages."""
        return f"{self.workload}/{self.body['name']}"

    @property
    def sidecar(self) -> bool:
        """Whether it is an init container that runs as long as the pod."""
        return self.init and self.body.get("restartPolicy") == "Always"

    @property
    def ports(self) -> dict[str, int]:
        """The ports that have a name."""
        ports: list[Manifest] = self.body.get("ports") or []
        return {port["name"]: int(port["containerPort"]) for port in ports if "name" in port}


@dataclass(frozen=True)
class Workload:
    """Something that makes pods."""

    manifest: Manifest
    template: Manifest

    @property
    def kind(self) -> str:
        """Kind of what makes the pods."""
        return str(self.manifest["kind"])

    @property
    def name(self) -> str:
        """Its name alone."""
        return str(self.manifest["metadata"]["name"])

    @property
    def title(self) -> str:
        """Kind and name, for messages."""
        return title(self.manifest)

    @property
    def labels(self) -> dict[str, str]:
        """Labels of its pods."""
        return dict(self.template.get("metadata", {}).get("labels") or {})

    @property
    def spec(self) -> Manifest:
        """The specification of its pods."""
        return self.template["spec"]

    @property
    def standing(self) -> bool:
        """Whether its pods run until they are told to stop."""
        return self.kind in STANDING

    @property
    def containers(self) -> tuple[Container, ...]:
        """All containers of a pod, those before the start first."""
        init = [Container(self.title, body, init=True) for body in self.spec.get("initContainers") or []]
        return (*init, *(Container(self.title, body, init=False) for body in self.spec["containers"]))

    @property
    def ports(self) -> dict[str, int]:
        """The ports of all its containers that have a name."""
        return {name: port for container in self.containers for name, port in container.ports.items()}


def title(manifest: Manifest) -> str:
    """Kind and name, for messages."""
    return f"{manifest['kind']}/{manifest.get('metadata', {}).get('name', '')}"


def read(texts: Mapping[str, str]) -> list[Manifest]:
    """The manifests in rendered templates; notes are none."""
    documents = [text for name, text in sorted(texts.items()) if name.endswith((".yaml", ".yml"))]
    return [found for text in documents for found in yaml.load_all(text, Loader=yaml.CSafeLoader) if found]


def of_kind(manifests: Sequence[Manifest], *kinds: str) -> list[Manifest]:
    """Those of some kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def named(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest | None:
    """The one of this kind and name, if it is there."""
    return next((found for found in of_kind(manifests, kind) if found["metadata"]["name"] == name), None)


def the(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest:
    """The one of this kind and name. Raises LookupError."""
    found = named(manifests, kind, name)
    if found is None:
        raise LookupError(f"there is no {kind} {name}")
    return found


def workloads(manifests: Sequence[Manifest]) -> list[Workload]:
    """All that make pods."""
    return [Workload(found, _at(found, TEMPLATES[found["kind"]])) for found in of_kind(manifests, *TEMPLATES)]


def containers(manifests: Sequence[Manifest]) -> Iterator[Container]:
    """All containers of all pods."""
    for workload in workloads(manifests):
        yield from workload.containers


def selects(selector: Manifest | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes a pod: an empty one takes all, none takes none."""
    if selector is None:
        return False
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    expressions: list[Manifest] = selector.get("matchExpressions") or []
    return wanted.items() <= labels.items() and all(_holds(expression, labels) for expression in expressions)


def _holds(expression: Manifest, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case unknown:
            raise ValueError(f"{unknown} is no operator of a label selector")


def _at(manifest: Manifest, path: Sequence[str]) -> Manifest:
    for key in path:
        manifest = manifest[key]
    return manifest
