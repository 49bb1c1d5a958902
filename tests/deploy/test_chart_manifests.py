"""The rendered chart, as an API server and a kubelet would take it."""

from collections.abc import Callable, Sequence

import helm_python
import pytest

from devstack.cluster.contents import Data
from tests.support.manifests import ports, probes, references, schemas, security, selectors
from tests.support.manifests.objects import Manifest, of_kind
from tests.support.manifests.rendering import CHART, NAMESPACE, VALUE_SETS, Rendered, render, values_of
from tests.support.manifests.secrets import as_manifests

WARNING = 2
Check = Callable[[Sequence[Manifest]], list[str]]


@pytest.mark.parametrize("name", VALUE_SETS)
def test_lint_has_nothing_to_say(name: str) -> None:
    report = helm_python.lint(CHART, values_of(*VALUE_SETS[name]), strict=True, namespace=NAMESPACE)
    assert [found for found in report["messages"] if found["severity"] >= WARNING] == []
    assert report["errors"] == []


@pytest.mark.parametrize("version", schemas.VERSIONS)
def test_manifests_fit_the_oldest_and_the_newest_kubernetes(manifests: list[Manifest], version: str) -> None:
    assert schemas.misfits(manifests, version) == []


def test_what_manifests_name_is_there_or_made_by_setup_or_by_the_user(
    rendered: Rendered, secrets: dict[str, Data]
) -> None:
    there = [*rendered.manifests, *as_manifests(secrets)]
    assert references.dangling(there, {("Secret", name) for name in _of_the_user(rendered) - secrets.keys()}) == []


def test_every_worker_that_there_may_be_has_a_credential(rendered: Rendered, secrets: dict[str, Data]) -> None:
    most = rendered.values["worker"]["maxReplicas"]
    assert secrets["mews-bus-workers"].keys() == {f"mews-worker-{number}.creds" for number in range(most)}


@pytest.mark.parametrize(
    "check",
    [
        references.duplicates,
        selectors.loose,
        selectors.astray,
        ports.unmet,
        probes.unwatched,
        probes.unbounded,
        probes.impatient,
        security.restricted,
    ],
    ids=lambda check: check.__name__,
)
def test_nothing_is(check: Check, manifests: list[Manifest]) -> None:
    assert check(manifests) == []


def test_nothing_is_left_to_an_intruder_but_a_root_that_tilt_must_write(rendered: Rendered) -> None:
    complaints = security.beyond_restricted(rendered.manifests)
    if rendered.name == "dev":
        complaints = [found for found in complaints if not found.endswith("readOnlyRootFilesystem must be true")]
    assert complaints == []


def test_no_manifest_is_random_or_knows_the_time(rendered: Rendered) -> None:
    again = render(CHART, rendered.name, values_of(*VALUE_SETS[rendered.name]))
    assert again.texts == rendered.texts


def test_the_chart_makes_no_secret(manifests: list[Manifest]) -> None:
    assert of_kind(manifests, "Secret") == []


def test_every_object_is_in_the_namespace_of_the_release(rendered: Rendered) -> None:
    elsewhere = rendered.values["metrics"]["dashboards"]["namespace"] or NAMESPACE
    namespaces = {found["metadata"].get("namespace", NAMESPACE) for found in rendered.manifests}
    assert namespaces <= {NAMESPACE, elsewhere}


def test_two_releases_in_one_namespace_share_no_object() -> None:
    first, second = (render(CHART, name, {}, release=name).manifests for name in ("mews", "other"))
    names = [{(found["kind"], found["metadata"]["name"]) for found in manifests} for manifests in (first, second)]
    assert names[0] & names[1] == set()
    assert selectors.loose([*first, *second]) == []
    assert selectors.astray([*first, *second]) == []


def _of_the_user(rendered: Rendered) -> set[str]:
    """Secrets that the values name: somebody else makes them."""
    return {*_secret_names(rendered.values), "mews-agents"}


def _secret_names(values: object, path: str = "") -> list[str]:
    if isinstance(values, dict):
        return [name for key, value in values.items() for name in _secret_names(value, f"{path}.{key}")]
    if isinstance(values, list):
        return [name for value in values for name in _secret_names(value, path)]
    names_one = "secret" in path.lower() or (".keys." in path and path.endswith(".name"))
    return [values] if isinstance(values, str) and values and names_one else []
