"""Selectors: what takes which pods."""

from collections.abc import Iterator, Sequence

from tests.support.manifests.objects import Manifest, Workload, of_kind, selects, title, workloads

SELECTING = ("Deployment", "StatefulSet", "DaemonSet")
MOVING_LABELS = ("helm.sh/chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by")
"""Labels that another version of the chart may have otherwise: no selector may ask for them."""


def loose(manifests: Sequence[Manifest]) -> list[str]:
    """Selectors of workloads that do not take their own pods, take others' too, or cannot stay as they are."""
    made = workloads(manifests)
    return [found for owner in made if owner.kind in SELECTING for found in _loose(owner, made)]


def astray(manifests: Sequence[Manifest]) -> list[str]:
    """Services, budgets and monitors that take no pod, or pods of more than one workload."""
    made = workloads(manifests)
    return [found for selecting in _selecting(manifests) for found in _astray(*selecting, made)]


def _loose(owner: Workload, made: Sequence[Workload]) -> Iterator[str]:
    selector: Manifest = owner.manifest["spec"]["selector"]
    taken = [other.title for other in made if selects(selector, other.labels)]
    if taken != [owner.title]:
        yield f"{owner.title}: its selector takes the pods of {taken or 'nobody'}"
    for label in MOVING_LABELS:
        if label in (selector.get("matchLabels") or {}):
            yield f"{owner.title}: its selector names {label}, which another version changes"


def _selecting(manifests: Sequence[Manifest]) -> Iterator[tuple[str, Manifest]]:
    for service in of_kind(manifests, "Service"):
        if service["spec"].get("selector"):
            yield title(service), {"matchLabels": service["spec"]["selector"]}
    for budget in of_kind(manifests, "PodDisruptionBudget"):
        yield title(budget), budget["spec"]["selector"]


def _astray(name: str, selector: Manifest, made: Sequence[Workload]) -> Iterator[str]:
    taken = [other.title for other in made if selects(selector, other.labels)]
    if len(taken) != 1:
        yield f"{name}: takes the pods of {taken or 'nobody'}"
