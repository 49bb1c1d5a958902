"""The Secrets of a release, made by the program that makes them on a cluster."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from devstack.cluster.contents import Data
from devstack.cluster.keeping import MemoryKeeper
from devstack.cluster.release import AUTHORITY, GROUPS, Release, release_from
from devstack.cluster.setup import make_all
from tests.support.manifests.environment import environment
from tests.support.manifests.objects import Manifest, workloads
from tests.support.manifests.rendering import NAMESPACE, RELEASE, Rendered

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ALL = frozenset(f"{RELEASE}-{group}" for group in (*GROUPS, AUTHORITY))
"""Names of all Secrets that setup may make."""


def made_for(rendered: Rendered) -> dict[str, Data]:
    """What the setup Job makes; where there is none, what `mews cluster secrets` prints for as many workers."""
    jobs = [found for found in workloads(rendered.manifests) if found.kind == "Job" and "setup" in found.name]
    if jobs:
        variables = environment(jobs[0], jobs[0].containers[0], rendered.manifests, lambda _name, _key: "")
        release = release_from(variables)
    else:
        release = Release(RELEASE, NAMESPACE, rendered.values["worker"]["maxReplicas"])
    keeper = MemoryKeeper()
    asyncio.run(make_all(release, keeper, NOW, None, lambda _line: None))
    return keeper.secrets


def as_manifests(secrets: Mapping[str, Data]) -> list[Manifest]:
    """The Secrets as objects, with their keys alone."""
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": dict.fromkeys(data, "")}
        for name, data in secrets.items()
    ]
