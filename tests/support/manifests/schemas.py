"""Manifests against the schemas of Kubernetes, and of the custom resources that the chart may make."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import jsonschema
from kubernetes_validate import utils
from referencing import Registry, Resource

from tests.support.manifests.custom import schema_of
from tests.support.manifests.objects import Manifest, title

META = frozenset({"Status", "DeleteOptions"})
"""Kinds of all groups, which the schemas keep in one of their own."""
VERSIONS = ("1.30", "1.36")
"""The oldest Kubernetes that the chart supports, and the newest that it is checked for."""


def misfits(manifests: Sequence[Manifest], version: str) -> list[str]:
    """Fields that this version of Kubernetes does not know, lacks, or wants otherwise."""
    return [complaint for manifest in manifests for complaint in _misfit(manifest, version)]


def _misfit(manifest: Manifest, version: str) -> Iterator[str]:
    validator = _validator(manifest["apiVersion"], manifest["kind"], version)
    if validator is None:
        yield f"{title(manifest)}: Kubernetes {version} has no {manifest['kind']} in {manifest['apiVersion']}"
        return
    for error in validator.iter_errors(manifest):
        yield f"{title(manifest)}: {'.'.join(map(str, error.path))}: {error.message}"


@cache
def _validator(api_version: str, kind: str, version: str) -> jsonschema.Draft202012Validator | None:
    custom = schema_of(api_version, kind)
    if custom is not None:
        return jsonschema.Draft202012Validator(custom)
    group, _, number = api_version.rpartition("/")
    folder = "meta" if kind in META else group.partition(".")[0]
    name = "-".join(part for part in (kind.lower(), folder, number) if part)
    try:
        schema = utils.schema_contents(f"kubernetes-json-schema/v{version}.0-local-strict/{name}.json", version)
    except FileNotFoundError:
        return None
    return jsonschema.Draft202012Validator(schema, registry=_definitions(version))


@cache
def _definitions(version: str) -> Registry[Any]:
    contents = utils.schema_contents(f"kubernetes-json-schema/v{version}.0-local-strict/_definitions.json", version)
    return Resource.from_contents(contents) @ Registry()
