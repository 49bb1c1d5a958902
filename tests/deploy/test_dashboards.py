"""Grafana's dashboards, and the rules, are made of what there is."""

import json

from deploy.observability.catalogue import read
from deploy.observability.generated import CHART, METRICS, dashboards
from tests.support.promql import Used, base_of, labels_grouped_by, metrics_in, panel_queries, rule_expressions

EVERYWHERE = {"namespace", "job", "instance", "le", "mews_service", "slo"}
"""Labels that Prometheus, histograms and rules add, and that of mews_build_info, which is joined."""
DOCUMENTED = read(METRICS.read_text())
HISTOGRAMS = {metric.name for metric in DOCUMENTED.values() if metric.type == "histogram"}


def objections(used: Used) -> list[str]:
    """What an expression speaks of that there is not."""
    found = {base_of(name, HISTOGRAMS): labels for name, labels in metrics_in(used.expr).items()}
    unknown = [f"{used.place}: no metric {name}" for name in found.keys() - DOCUMENTED.keys()]
    there = {name: set(DOCUMENTED[name].labels) | EVERYWHERE for name in found.keys() & DOCUMENTED.keys()}
    strange = [f"{used.place}: {name} has no label {label}" for name in there for label in found[name] - there[name]]
    grouped = labels_grouped_by(used.expr) - set().union(*there.values()) if there else set[str]()
    return [*unknown, *strange, *(f"{used.place}: nothing has the label {label}" for label in grouped)]


def test_what_the_chart_ships_is_what_the_code_says() -> None:
    shipped = {path: path.read_text() for path in (CHART / "dashboards").glob("*.json")}
    assert shipped == dashboards(), "run `make observability`"


def test_dashboards_choose_their_data_source_and_namespace_by_variables() -> None:
    for text in dashboards().values():
        dashboard = json.loads(text)
        assert [variable["name"] for variable in dashboard["templating"]["list"]][:2] == ["datasource", "namespace"]
        panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
        assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
        assert {"namespace" in target["expr"] for panel in panels for target in panel["targets"]} == {True}
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_panels_and_rules_speak_of_metrics_and_labels_that_there_are() -> None:
    assert [what for used in (*panel_queries(), *rule_expressions()) for what in objections(used)] == []
    bad = Used("here", 'sum by (task_id) (rate(mews_tasks_created_total{status="x"}[5m])) / mews_nothing')
    assert len(objections(bad)) == 3
