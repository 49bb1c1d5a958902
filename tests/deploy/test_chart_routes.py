"""The ways in from outside: the gateway's own paths, never those that ask for no token."""

import pytest

from tests.deploy.conftest import Render
from tests.support.manifests.objects import Manifest, of_kind

OPEN_PATHS = ("/metrics", "/readyz", "/healthz", "/openapi.json")


def _prefixes(manifests: list[Manifest]) -> list[str]:
    routes = [
        match["path"]["value"]
        for route in of_kind(manifests, "HTTPRoute")
        for rule in route["spec"]["rules"]
        for match in rule["matches"]
    ]
    rules = [rule for ingress in of_kind(manifests, "Ingress") for rule in ingress["spec"]["rules"]]
    return routes + [path["path"] for rule in rules for path in rule["http"]["paths"]]


WAYS = {
    "HTTPRoute": {
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}], "hostnames": ["mews.example.com"]}
    },
    "Ingress": {"ingress": {"enabled": True, "hosts": ["mews.example.com"]}},
}


@pytest.mark.parametrize("kind", WAYS)
def test_a_route_leads_to_mcp_and_to_nothing_that_asks_for_no_token(kind: str, render_with: Render) -> None:
    manifests = render_with(**WAYS[kind])
    assert len(of_kind(manifests, kind)) == 1
    prefixes = _prefixes(manifests)
    assert "/mcp" in prefixes
    assert [path for path in OPEN_PATHS if any(path.startswith(prefix) for prefix in prefixes)] == []


@pytest.mark.parametrize("kind", WAYS)
def test_the_gateway_serves_the_host_of_its_route(kind: str, render_with: Render) -> None:
    (gateway,) = [
        found
        for found in of_kind(render_with(**WAYS[kind]), "Deployment")
        if found["metadata"]["name"] == "mews-mcp-gateway"
    ]
    variables = {
        entry["name"]: entry.get("value") for entry in gateway["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert "mews.example.com" in variables["GATEWAY_ALLOWED_HOSTS"].split(",")
