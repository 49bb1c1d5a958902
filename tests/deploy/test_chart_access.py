"""What the chart's pods may ask of the API server."""

from tests.deploy.conftest import Render
from tests.support.manifests.objects import Manifest, of_kind, the
from tests.support.manifests.rbac import Right, holding_tokens, rights
from tests.support.manifests.secrets import ALL

FLEET: set[Right] = {
    ("get", "apps", "statefulsets/scale", "mews-worker"),
    ("patch", "apps", "statefulsets/scale", "mews-worker"),
    *((verb, "", "pods", "*") for verb in ("list", "delete")),
}


def test_the_orchestrator_may_scale_its_workers_and_delete_pods(manifests: list[Manifest]) -> None:
    assert rights(manifests)["mews-orchestrator"] == FLEET


def test_setup_may_write_the_secrets_of_its_release_and_no_others(render_with: Render) -> None:
    granted = rights(render_with())["mews-setup"]
    assert {(group, resource) for _, group, resource, _ in granted} == {("", "secrets")}
    assert {name for verb, _, _, name in granted if verb != "create"} == ALL
    assert {verb for verb, _, _, _ in granted} == {"get", "create", "patch"}


def test_nobody_else_has_rights_or_a_token(manifests: list[Manifest]) -> None:
    assert rights(manifests).keys() | holding_tokens(manifests) <= {"mews-orchestrator", "mews-setup"}
    assert of_kind(manifests, "ClusterRole", "ClusterRoleBinding") == []


def test_each_kind_of_pod_has_an_account_of_its_own(manifests: list[Manifest]) -> None:
    standing = of_kind(manifests, "Deployment", "StatefulSet")
    accounts = [found["spec"]["template"]["spec"]["serviceAccountName"] for found in standing]
    assert len(set(accounts)) == len(accounts)
    mounting = {the(manifests, "ServiceAccount", account)["automountServiceAccountToken"] for account in accounts}
    assert mounting == {False}


def test_without_a_fleet_and_setup_no_pod_can_reach_the_api_server(render_with: Render) -> None:
    bare = render_with(fleet={"enabled": False}, setup={"enabled": False})
    assert rights(bare) == {}
    assert holding_tokens(bare) == set()
    (orchestrator,) = the(bare, "Deployment", "mews-orchestrator")["spec"]["template"]["spec"]["containers"]
    assert {"name": "FLEET", "value": "none"} in orchestrator["env"]
