"""The environment that kubelet gives a container, and whether its process would start with it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.support.manifests.objects import Container, Manifest, Workload, named

SecretValue = Callable[[str, str], str]
"""What a Secret holds under a key, by names."""

REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")
POD_FIELDS = {
    "metadata.namespace": "mews",
    "metadata.uid": "0d9a6a7e-0000-0000-0000-000000000000",
    "spec.nodeName": "node-0",
    "status.podIP": "10.0.0.7",
    "status.hostIP": "192.0.2.7",
}


def environment(
    workload: Workload, container: Container, manifests: Sequence[Manifest], secret: SecretValue
) -> dict[str, str]:
    """All variables of a container: whole ConfigMaps and Secrets first, then single ones, references resolved."""
    variables: dict[str, str] = {}
    for whole in container.body.get("envFrom") or []:
        variables |= _whole(whole, manifests)
    for entry in container.body.get("env") or []:
        variables[entry["name"]] = _value(entry, workload, variables, manifests, secret)
    return variables


def names(container: Container, manifests: Sequence[Manifest]) -> Iterator[str]:
    """The names of its variables, those of whole ConfigMaps too."""
    for whole in container.body.get("envFrom") or []:
        yield from _whole(whole, manifests)
    yield from (entry["name"] for entry in container.body.get("env") or [])


def repeated(container: Container) -> set[str]:
    """Variables that are given twice: the last one counts, and server-side apply refuses them."""
    given = [entry["name"] for entry in container.body.get("env") or []]
    return {name for name in given if given.count(name) > 1}


def expand(value: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` becomes the value of a variable that was given before; an unknown one stays, `$$` is one `$`."""

    def replacement(found: re.Match[str]) -> str:
        name = found[1]
        return "$" if name is None else variables.get(name, found[0])

    return REFERENCE.sub(replacement, value)


def _whole(source: Manifest, manifests: Sequence[Manifest]) -> dict[str, str]:
    prefix: str = source.get("prefix") or ""
    if "configMapRef" not in source:
        return {}
    config = named(manifests, "ConfigMap", source["configMapRef"]["name"]) or {}
    return {prefix + name: value for name, value in (config.get("data") or {}).items()}


def _value(
    entry: Manifest,
    workload: Workload,
    before: Mapping[str, str],
    manifests: Sequence[Manifest],
    secret: SecretValue,
) -> str:
    source: dict[str, Any] = entry.get("valueFrom") or {}
    match next(iter(source.items()), None):
        case None:
            return expand(entry.get("value") or "", before)
        case "fieldRef", field:
            return _field(workload, field["fieldPath"])
        case "secretKeyRef", key:
            return "" if key.get("optional") else secret(key["name"], key["key"])
        case "configMapKeyRef", key:
            config = named(manifests, "ConfigMap", key["name"]) or {}
            return config.get("data", {}).get(key["key"], "")
        case _:
            return "1"


def _field(workload: Workload, path: str) -> str:
    if path == "metadata.name":
        return f"{workload.name}-0"
    found = re.fullmatch(r"metadata\.labels\['(.+)'\]", path)
    return workload.labels.get(found[1], "0") if found else POD_FIELDS[path]
