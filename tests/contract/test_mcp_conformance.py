"""The official conformance suite against a gateway with the suite's fixtures, made by the product's own factory."""

import json
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.app import create_app
from mcp_gateway.decisions.access import AuthMode
from mcp_gateway.settings import Settings
from tests.support.conformance import FIXTURE_PROMPTS, FIXTURE_RESOURCES, FIXTURE_TOOLS
from tests.support.node import NodeTools
from tests.support.serving import serving

BASELINE = Path(__file__).with_name("conformance-baseline.yml")

REQUIRED = {
    "server-initialize",
    "ping",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-image",
    "tools-call-audio",
    "tools-call-embedded-resource",
    "tools-call-mixed-content",
    "tools-call-error",
    "tools-call-with-progress",
    "resources-list",
    "resources-read-text",
    "resources-read-binary",
    "resources-templates-read",
    "prompts-list",
    "prompts-get-simple",
    "prompts-get-with-args",
    "prompts-get-embedded-resource",
    "prompts-get-with-image",
    "completion-complete",
    "dns-rebinding-protection",
}

pytestmark = pytest.mark.node


@pytest.mark.timeout(420)
async def test_every_scenario_that_applies_passes(node_tools: NodeTools, tmp_path: Path) -> None:
    fixtures: dict[str, Any] = {"tools": FIXTURE_TOOLS, "resources": FIXTURE_RESOURCES, "prompts": FIXTURE_PROMPTS}
    app = create_app(Settings(auth_mode=AuthMode.local), **fixtures)
    results = tmp_path / "results"
    async with serving(app) as url:
        ended = await node_tools.conformance(
            *("server", "--url", f"{url}/mcp", "-o", str(results), "--expected-failures", str(BASELINE)),
            home=tmp_path,
        )
    assert ended.code == 0, ended.out + ended.err
    passed = {name for name, failures in outcomes(results).items() if not failures}
    assert passed >= REQUIRED


def outcomes(results: Path) -> dict[str, list[str]]:
    """The failed checks of each scenario that ran."""
    found: dict[str, list[str]] = {}
    for checks in results.glob("server-*/checks.json"):
        # The folder is `server-<scenario>-<time>`, with a time such as 2026-01-02T03-04-05-678Z.
        name = checks.parent.name.removeprefix("server-").rsplit("-", 6)[0]
        found[name] = [check["id"] for check in json.loads(checks.read_text()) if check["status"] == "FAILURE"]
    return found
