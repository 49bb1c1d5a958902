"""What Prometheus, its operator and Grafana are told."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import Render
from tests.support.manifests.objects import Manifest, of_kind, selects, workloads
from tests.support.manifests.rendering import CHART, render
from tests.support.manifests.schemas import misfits

RULES = {
    "groups": [
        {
            "name": "queue",
            "rules": [
                {"record": "mews:queue:rate5m", "expr": "sum(rate(mews_tasks_created_total[5m]))"},
                {
                    "alert": "QueueStands",
                    "expr": "mews:queue:rate5m > 1",
                    "for": "5m",
                    "labels": {"severity": "warning"},
                    "annotations": {
                        "summary": "{{ $labels.state }} is at {{ $value | humanize }}",
                        "runbook_url": "docs/runbooks/alerts.md#queue-stands",
                    },
                },
            ],
        }
    ]
}
DASHBOARD = {"title": "Fleet {{ worker }}", "panels": [{"expr": 'up{job="worker"}', "legend": "{{pod}} \\ `x`"}]}
SETTINGS = {
    "rules": {"enabled": True, "alertLabels": {"team": "platform"}, "runbookUrl": "https://docs.example.com/alerts"},
    "dashboards": {"enabled": True, "namespace": "monitoring"},
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """The chart with one file of rules and one dashboard of the test's own."""
    chart = tmp_path_factory.mktemp("chart") / "mews"
    shutil.copytree(CHART, chart)
    _only(chart / "files" / "rules", "queue.yaml", yaml.safe_dump(RULES))
    _only(chart / "files" / "dashboards", "fleet.json", json.dumps(DASHBOARD))
    return render(chart, "watched", {"metrics": SETTINGS}).manifests


def test_rules_arrive_with_their_templates_and_lead_to_the_runbooks_of_this_installation(
    watched: list[Manifest],
) -> None:
    (rules,) = of_kind(watched, "PrometheusRule")
    assert misfits([rules], "1.36") == []
    record, alert = rules["spec"]["groups"][0]["rules"]
    assert record == RULES["groups"][0]["rules"][0]
    assert alert["labels"] == {"severity": "warning", "team": "platform"}
    assert alert["annotations"] == {
        "summary": "{{ $labels.state }} is at {{ $value | humanize }}",
        "runbook_url": "https://docs.example.com/alerts#queue-stands",
    }


def test_dashboards_arrive_as_they_are_where_grafana_looks(watched: list[Manifest]) -> None:
    (dashboard,) = [found for found in of_kind(watched, "ConfigMap") if "dashboard" in found["metadata"]["name"]]
    assert json.loads(dashboard["data"]["fleet.json"]) == DASHBOARD
    assert dashboard["metadata"]["namespace"] == "monitoring"
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["metadata"]["annotations"]["grafana_folder"] == "mews"


def test_every_pod_with_metrics_is_scraped_once(render_with: Render) -> None:
    manifests = render_with(metrics={"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}})
    services = [
        service["spec"]["selector"]
        for monitor in of_kind(manifests, "ServiceMonitor")
        for service in of_kind(manifests, "Service")
        if selects(monitor["spec"]["selector"], service["metadata"]["labels"])
    ]
    selectors = [{"matchLabels": labels} for labels in services]
    selectors += [monitor["spec"]["selector"] for monitor in of_kind(manifests, "PodMonitor")]
    scraped = {
        workload.name: sum(selects(selector, workload.labels) for selector in selectors)
        for workload in workloads(manifests)
    }
    watched = {"orchestrator", "telemetry-ingest", "analytics-query", "question-broker", "mcp-gateway", "worker"}
    assert scraped == {name: int(name.removeprefix("mews-") in watched) for name in scraped}


def test_series_go_by_the_names_of_pods(render_with: Render) -> None:
    """So that those of a worker go on when its pod is made anew with another address."""
    own = {"sourceLabels": ["job"], "targetLabel": "release", "replacement": "mews"}
    settings = {"enabled": True, "relabelings": [own]}
    manifests = render_with(metrics={"serviceMonitor": settings, "podMonitor": settings})
    for monitor in of_kind(manifests, "ServiceMonitor", "PodMonitor"):
        (endpoint,) = monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]
        name, *rest = endpoint["relabelings"]
        assert name == {"sourceLabels": ["__meta_kubernetes_pod_name"], "targetLabel": "instance"}
        assert rest == [own]


def test_encrypted_services_are_scraped_by_their_name(render_with: Render) -> None:
    """Prometheus asks addresses of pods, which stand in no certificate."""
    tls = {"enabled": True, "existingSecret": "service-tls", "caSecret": {"name": "service-ca"}}
    manifests = render_with(metrics={"serviceMonitor": {"enabled": True}}, serviceTls=tls)
    for monitor in of_kind(manifests, "ServiceMonitor"):
        endpoint: dict[str, Any] = monitor["spec"]["endpoints"][0]
        assert endpoint["scheme"] == "https"
        assert endpoint["tlsConfig"]["serverName"] == f"{monitor['metadata']['name']}.mews.svc"
        assert endpoint["tlsConfig"]["ca"]["secret"] == {"name": "service-ca", "key": "ca.crt"}


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor", "PrometheusRule", "ScaledObject", "HTTPRoute"])
def test_without_being_asked_for_no_custom_resource_is_made(kind: str, render_with: Render) -> None:
    assert of_kind(render_with(), kind) == []


def _only(folder: Path, name: str, text: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / name).write_text(text)
