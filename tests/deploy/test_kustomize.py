"""`make manifests`: what kustomize builds is what Helm would install."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from deploy.k8s import manifests as plain
from deploy.k8s.manifests import SETS, Release, main, render
from tests.support.manifests import references
from tests.support.manifests.objects import Manifest, of_kind
from tests.support.manifests.rendering import Rendered

PROXY = Path(plain.__file__).parent / "egress-proxy"
KUBECTL = shutil.which("kubectl")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Base and overlays, with one of the user's own values."""
    out = tmp_path_factory.mktemp("manifests")
    own = out / "own.yaml"
    own.write_text("services: {orchestrator: {replicas: 3}}\n")
    main([str(out), "--values", str(own)])
    return out


def _built_here(overlay: Path) -> list[Manifest]:
    found: list[Manifest] = []
    for resource in yaml.safe_load((overlay / "kustomization.yaml").read_text())["resources"]:
        path = overlay / resource
        found += _built_here(path) if path.is_dir() else yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)
    return found


def _built_by_kubectl(overlay: Path) -> list[Manifest]:
    built = subprocess.run(["kubectl", "kustomize", str(overlay)], capture_output=True, text=True, check=True)
    return list(yaml.load_all(built.stdout, Loader=yaml.CSafeLoader))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(
    "build",
    [
        pytest.param(_built_by_kubectl, marks=pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl here")),
        _built_here,
    ],
    ids=["kubectl", "resources"],
)
def test_an_overlay_is_what_helm_would_install(
    name: str, build: Callable[[Path], list[Manifest]], folder: Path, renders: Callable[[str], Rendered]
) -> None:
    installed = [found for found in renders(name).manifests if found["kind"] != "Pod"]
    assert _sorted(build(folder / name)) == _sorted(installed)


@pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl here")
def test_a_change_of_the_proxys_list_is_rolled_out() -> None:
    """The name of its ConfigMap has a digest in it, and the Deployment names it so."""
    built = _built_by_kubectl(PROXY)
    assert references.dangling(built) == []
    (config,) = of_kind(built, "ConfigMap")
    assert config["metadata"]["name"].startswith("egress-proxy-")
    assert {found["metadata"]["namespace"] for found in built} == {"mews-egress"}


def test_the_base_is_what_is_alike_in_all_sets(folder: Path) -> None:
    base = _built_here(folder / "base")
    kinds = {found["kind"] for found in base}
    assert {"ServiceAccount", "Service", "PodDisruptionBudget"} <= kinds
    assert "Secret" not in kinds


def test_own_values_are_over_those_of_production(folder: Path) -> None:
    replicas = {
        name: [found["spec"]["replicas"] for found in _built_here(folder / name) if _is_orchestrator(found)]
        for name in ("own", "production")
    }
    assert replicas == {"own": [3], "production": [2]}
    assert len(_built_here(folder / "own")) == len(_built_here(folder / "production"))


def test_jobs_of_another_revision_have_other_names() -> None:
    first, second = (
        {found["metadata"]["name"] for found in render({}, Release(revision=number)) if found["kind"] == "Job"}
        for number in (1, 2)
    )
    assert first
    assert first & second == set()


def _is_orchestrator(manifest: Manifest) -> bool:
    return (manifest["kind"], manifest["metadata"]["name"]) == ("Deployment", "mews-orchestrator")


def _sorted(manifests: list[Manifest]) -> list[str]:
    return sorted(json.dumps(found, sort_keys=True) for found in manifests)
