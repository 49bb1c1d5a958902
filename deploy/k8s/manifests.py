"""The chart as plain manifests for kustomize: a base of what is alike in all sets of values, an overlay for each set.

`python -m deploy.k8s.manifests OUT`; nothing of a cluster is needed. An overlay together with the base is exactly what
Helm would install, but for the pods of `helm test`.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python
import yaml

CHART = Path(__file__).parents[1] / "helm" / "mews"
SETS = {"quickstart": CHART / "values-quickstart.yaml", "production": CHART / "values-production.yaml"}
OWN = "own"
"""The overlay of the user's own values, over those of production."""
HOOK = "helm.sh/hook"

Manifest = dict[str, Any]
Values = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """What Helm would call the release; Jobs have the revision in their names, since they cannot be changed."""

    name: str = "mews"
    namespace: str = "mews"
    revision: int = 1


def values_of(*files: Path) -> Values:
    """Files of values, each over the one before, as `helm --values` does."""
    merged: Values = {}
    for file in files:
        merged = over(merged, yaml.safe_load(file.read_text()) or {})
    return merged


def over(below: Values, above: Values) -> Values:
    """Values over others: maps are merged, all else is replaced."""
    return below | {
        key: over(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }


def render(values: Values, release: Release) -> list[Manifest]:
    """All objects of a release, without its tests."""
    with helm_python.Chart.load(CHART) as chart:
        texts = chart.render(values, name=release.name, namespace=release.namespace, revision=release.revision)
    documents = [texts[name] for name in sorted(texts) if name.endswith(".yaml")]
    objects = [found for text in documents for found in yaml.load_all(text, Loader=yaml.CSafeLoader) if found]
    return [found for found in objects if not _is_test(found)]


def divide(sets: Mapping[str, Sequence[Manifest]]) -> tuple[list[Manifest], dict[str, list[Manifest]]]:
    """What is alike in all sets, and what each has beside it."""
    texts = {name: {_text(found) for found in objects} for name, objects in sets.items()}
    alike = set[str].intersection(*texts.values())
    base = [found for found in next(iter(sets.values())) if _text(found) in alike]
    rest = {name: [found for found in objects if _text(found) not in alike] for name, objects in sets.items()}
    return base, rest


def write(folder: Path, sets: Mapping[str, Sequence[Manifest]]) -> None:
    """The base and the overlays as folders that kustomize builds."""
    base, overlays = divide(sets)
    _write(folder / "base", base, [])
    for name, objects in overlays.items():
        _write(folder / name, objects, ["../base"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(prog="python -m deploy.k8s.manifests", description=__doc__)
    parser.add_argument("out", type=Path, help="folder that is written")
    parser.add_argument("--release", default=Release.name, help="name of the release (%(default)s)")
    parser.add_argument("--namespace", default=Release.namespace, help="namespace of all objects (%(default)s)")
    parser.add_argument(
        "--revision", type=int, default=Release.revision, help="one more for each upgrade (%(default)s)"
    )
    parser.add_argument("--values", type=Path, action="append", default=[], help=f"values of the overlay `{OWN}`")
    given = parser.parse_args(arguments)
    files = {name: [file] for name, file in SETS.items()}
    if given.values:
        files[OWN] = [SETS["production"], *given.values]
    release = Release(given.release, given.namespace, given.revision)
    write(given.out, {name: render(values_of(*those), release) for name, those in files.items()})


def _write(folder: Path, objects: Sequence[Manifest], below: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [*below, "mews.yaml"],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization, sort_keys=False))
    (folder / "mews.yaml").write_text(yaml.dump_all(objects, Dumper=yaml.CSafeDumper, sort_keys=False))


def _is_test(manifest: Manifest) -> bool:
    return (manifest["metadata"].get("annotations") or {}).get(HOOK) == "test"


def _text(manifest: Manifest) -> str:
    return json.dumps(manifest, sort_keys=True)


if __name__ == "__main__":
    main()
