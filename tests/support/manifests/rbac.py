"""What ServiceAccounts may do at the API server, and which pods can prove to be one."""

from collections.abc import Iterator, Sequence

from tests.support.manifests.objects import Manifest, named, of_kind, workloads

Right = tuple[str, str, str, str]
"""Verb, API group, resource, and the name of the one object, or `*`."""


def rights(manifests: Sequence[Manifest]) -> dict[str, set[Right]]:
    """Rights of each ServiceAccount that has any."""
    found: dict[str, set[Right]] = {}
    for binding in of_kind(manifests, "RoleBinding", "ClusterRoleBinding"):
        role = named(manifests, binding["roleRef"]["kind"], binding["roleRef"]["name"])
        for subject in binding["subjects"]:
            found.setdefault(subject["name"], set()).update(_rights(role or {}))
    return found


def holding_tokens(manifests: Sequence[Manifest]) -> set[str]:
    """ServiceAccounts whose token is in a pod."""
    return {
        workload.spec.get("serviceAccountName", "default")
        for workload in workloads(manifests)
        if workload.spec.get("automountServiceAccountToken") is not False or _projects_token(workload.spec)
    }


def _rights(role: Manifest) -> Iterator[Right]:
    for rule in role.get("rules") or []:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield from ((verb, group, resource, name) for name in rule.get("resourceNames") or ["*"])


def _projects_token(spec: Manifest) -> bool:
    volumes: list[Manifest] = spec.get("volumes") or []
    sources = [source for volume in volumes for source in (volume.get("projected") or {}).get("sources") or []]
    return any("serviceAccountToken" in source for source in sources)
