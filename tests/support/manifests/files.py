"""Files that environments name: each must lie below a mount, and be there if the mount has a fixed content."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from tests.support.manifests.objects import Container, Manifest, Workload

READ_ONLY = ("secret", "configMap", "projected", "downwardAPI")


def absent(workload: Workload, container: Container, variables: Mapping[str, str]) -> list[str]:
    """Variables whose value is a path that will not be there; the root of all images is read-only."""
    return [
        f"{container.name}: {name}={value}: {why}"
        for name, value in sorted(variables.items())
        if value.startswith("/") and "," not in value
        for why in _absence(workload, container, PurePosixPath(value))
    ]


def without_tmp(container: Container) -> bool:
    """Whether a process has no folder for its temporary files."""
    return _mount_of(container, PurePosixPath("/tmp/file")) is None


def _absence(workload: Workload, container: Container, path: PurePosixPath) -> Iterator[str]:
    mount = _mount_of(container, path)
    if mount is None:
        yield "nothing is mounted there"
        return
    volume = _volume(workload, mount["name"])
    source = next((volume[kind] for kind in READ_ONLY if kind in volume), None)
    relative = str(path.relative_to(mount["mountPath"]))
    if source is None or relative == "." or "subPath" in mount or "subPathExpr" in mount:
        return
    items: list[Manifest] = source.get("items") or []
    if items and relative not in [item["path"] for item in items]:
        yield f"volume {mount['name']} has {', '.join(item['path'] for item in items)} alone"


def _mount_of(container: Container, path: PurePosixPath) -> Manifest | None:
    mounts: list[Manifest] = container.body.get("volumeMounts") or []
    above = [mount for mount in mounts if path.is_relative_to(mount["mountPath"])]
    return max(above, key=lambda mount: len(mount["mountPath"]), default=None)


def _volume(workload: Workload, name: str) -> Manifest:
    volumes: list[Manifest] = workload.spec.get("volumes") or []
    return next((volume for volume in volumes if volume["name"] == name), {})
