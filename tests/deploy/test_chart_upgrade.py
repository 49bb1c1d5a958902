"""An upgrade keeps what Kubernetes refuses to change, what others know by name, and what holds data."""

import json
from typing import Any

import helm_python
import pytest

from tests.support.manifests.__main__ import SETS, current
from tests.support.manifests.identity import losses
from tests.support.manifests.objects import Manifest, of_kind
from tests.support.manifests.rendering import CHART, RECORDS, VALUE_SETS, Rendered, render, values_of

VERSIONS = sorted(file.stem for file in RECORDS.glob("*.json"))
FRESHEN = "write it down anew, if it is meant: python -m tests.support.manifests"


@pytest.fixture(scope="module")
def today() -> dict[str, Any]:
    """The identity of a release of today's chart."""
    return json.loads(json.dumps(current()))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("version", VERSIONS)
def test_an_upgrade_from_an_earlier_version_loses_nothing(version: str, name: str, today: dict[str, Any]) -> None:
    before = json.loads((RECORDS / f"{version}.json").read_text())
    assert losses(before[name], today[name]) == []


def test_the_identity_of_this_version_is_written_down(chart: helm_python.Chart, today: dict[str, Any]) -> None:
    assert chart.version in VERSIONS, FRESHEN
    assert json.loads((RECORDS / f"{chart.version}.json").read_text()) == today, FRESHEN


def test_a_new_revision_with_the_same_values_changes_jobs_alone(rendered: Rendered) -> None:
    """So that no pod is restarted, and no Job is changed, which the API server would refuse."""
    first = {_name(found): found for found in rendered.manifests}
    values = values_of(*VALUE_SETS[rendered.name])
    second = {_name(found): found for found in render(CHART, rendered.name, values, revision=2).manifests}
    assert {name for name in first.keys() ^ second.keys() if name[0] != "Job"} == set()
    assert {name for name in first.keys() & second.keys() if name[0] == "Job"} == set()
    assert [name for name in first.keys() & second.keys() if first[name] != second[name]] == []


def test_an_upgrade_replaces_a_pod_that_does_not_start(manifests: list[Manifest]) -> None:
    """With the ordered policy, the controller waits for it to be ready before it looks at the new template."""
    assert {found["spec"].get("podManagementPolicy") for found in of_kind(manifests, "StatefulSet")} == {"Parallel"}


def _name(manifest: dict[str, Any]) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]
