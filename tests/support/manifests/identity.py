"""What an upgrade of the chart must not change: what Kubernetes refuses to change, and what others know by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.manifests.objects import Manifest, of_kind, title
from tests.support.manifests.references import secrets

IMMUTABLE = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"),
}
"""Fields of a specification that the API server refuses to change."""
KEPT = ("Deployment", "StatefulSet", "Service", "ServiceAccount", "PersistentVolumeClaim")
"""Kinds whose objects others know by name, or that hold data."""

Facts = dict[str, Any]


def facts(manifests: Sequence[Manifest]) -> Facts:
    """The identity of a release, as JSON."""
    return {
        "objects": sorted(title(found) for found in of_kind(manifests, *KEPT)),
        "immutable": {title(found): _immutable(found) for found in of_kind(manifests, *IMMUTABLE)},
        "ports": {title(found): _ports(found) for found in of_kind(manifests, "Service")},
        "secrets": sorted({name for name, _ in secrets(manifests)}),
    }


def losses(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What an upgrade from one to the other would break."""
    gone = [f"{name} is gone" for name in before["objects"] if name not in now["objects"]]
    gone += [f"Secret {name} is no longer used" for name in before["secrets"] if name not in now["secrets"]]
    for section in ("immutable", "ports"):
        for name, fields in before[section].items():
            there: Mapping[str, Any] = now[section].get(name, fields)
            gone += [
                f"{name}: {field} was {value!r} and is {there.get(field)!r}"
                for field, value in fields.items()
                if there.get(field) != value
            ]
    return gone


def _immutable(manifest: Manifest) -> Facts:
    return {field: manifest["spec"].get(field) for field in IMMUTABLE[manifest["kind"]]}


def _ports(service: Manifest) -> Facts:
    cluster_ip: Facts = {"clusterIP": service["spec"].get("clusterIP")}
    return {str(port.get("name")): port["port"] for port in service["spec"]["ports"]} | cluster_ip
