"""The rendered chart, as an API server and a kubelet would take it."""

from collections.abc import Callable, Sequence

import helm_python
import pytest

from tests.support.manifests import ports, probes, references, schemas, security, selectors
from tests.support.manifests.objects import Manifest, of_kind
from tests.support.manifests.rendering import CHART, NAMESPACE, VALUE_SETS, Rendered, render, values_of

WARNING = 2
SERVICES = ("orchestrator", "telemetry-ingest", "analytics-query", "question-broker", "mcp-gateway")
SCHEMAS = ("orchestrator", "telemetry", "analytics", "questions", "gateway")
MADE_BY_SETUP = {
    "mews-postgres": {"admin_password", *(f"{one}_{role}_password" for one in SCHEMAS for role in ("owner", "app"))},
    "mews-redis": {"password"},
    "mews-services": {"gateway_state_keys", *(f"{one}_{what}" for one in SERVICES for what in ("token", "callers"))},
    "mews-gateway": {"admin_token", "tokens"},
    "mews-bus": {"server.conf", *(f"{one}.creds" for one in SERVICES)},
    "mews-bus-workers": {f"mews-worker-{number}.creds" for number in range(20)},
    "mews-bus-authority": {"authority.json"},
}
"""Secrets with their keys, as `mews cluster setup` makes them."""
Check = Callable[[Sequence[Manifest]], list[str]]


@pytest.mark.parametrize("name", VALUE_SETS)
def test_lint_has_nothing_to_say(name: str) -> None:
    report = helm_python.lint(CHART, values_of(*VALUE_SETS[name]), strict=True, namespace=NAMESPACE)
    assert [found for found in report["messages"] if found["severity"] >= WARNING] == []
    assert report["errors"] == []


@pytest.mark.parametrize("version", schemas.VERSIONS)
def test_manifests_fit_the_oldest_and_the_newest_kubernetes(manifests: list[Manifest], version: str) -> None:
    assert schemas.misfits(manifests, version) == []


def test_what_manifests_name_is_there_or_made_by_setup_or_by_the_user(rendered: Rendered) -> None:
    made = {("Secret", name) for name in MADE_BY_SETUP}
    assert references.dangling(rendered.manifests, made | {("Secret", name) for name in _of_the_user(rendered)}) == []


def test_pods_read_keys_that_setup_makes_from_secrets_that_setup_makes(manifests: list[Manifest]) -> None:
    used = {found for found in references.secrets(manifests) if found[0] in MADE_BY_SETUP and found[1] is not None}
    assert used, "no pod reads a Secret: the check would hold nothing"
    assert {(name, key) for name, key in used if key not in MADE_BY_SETUP[name]} == set()


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
        security.beyond_restricted,
    ],
    ids=lambda check: check.__name__,
)
def test_nothing_is(check: Check, manifests: list[Manifest]) -> None:
    assert check(manifests) == []


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
    return [values] if isinstance(values, str) and values and "secret" in path.lower() else []
