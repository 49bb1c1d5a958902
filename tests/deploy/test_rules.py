"""Recording rules and alerts: Prometheus' own tests of them, and that each is explained."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.observability.generated import CHART, HERE, ROOT, rules
from tests.support.prometheus import NoPrometheus, promtool

RUNBOOK = ROOT / "docs" / "runbooks" / "alerts.md"
SHIPPED = sorted((CHART / "rules").glob("*.yaml"))
TESTS = sorted((HERE / "tests").glob("*.test.yaml"))
ALERTS: list[dict[str, Any]] = [
    rule
    for text in rules().values()
    for group in yaml.safe_load(text)["groups"]
    for rule in group["rules"]
    if "alert" in rule
]


@pytest.fixture(scope="module")
def tools() -> None:
    """promtool, or an honest word that there is none."""
    try:
        promtool("--version")
    except NoPrometheus as reason:
        pytest.skip(str(reason))


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_prometheus_understands_the_rules_that_the_chart_ships(file: Path) -> None:
    checked = promtool("check", "rules", "--lint-fatal", str(file))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_the_rules_fire_when_they_must_and_not_before(file: Path) -> None:
    tried = promtool("test", "rules", str(file))
    assert tried.returncode == 0, tried.stdout + tried.stderr


def test_what_the_chart_ships_is_what_the_sources_say() -> None:
    assert {path: path.read_text() for path in SHIPPED} == rules(), "run `make observability`"


def test_each_alert_is_seen_firing_by_a_test() -> None:
    tested = "".join(file.read_text() for file in TESTS)
    assert [rule["alert"] for rule in ALERTS if rule["alert"] not in tested] == []


def test_the_runbook_has_a_section_for_each_alert_and_for_nothing_else() -> None:
    sections = re.findall(r"^## (\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert sorted(sections) == sorted({rule["alert"] for rule in ALERTS})
    assert {rule["annotations"]["runbook_url"] for rule in ALERTS} == {
        f"{RUNBOOK.relative_to(ROOT)}#{section.lower()}" for section in sections
    }


def test_each_alert_says_how_severe_it_is_and_what_is_wrong() -> None:
    for rule in ALERTS:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["description"].endswith(".")
