"""What PromQL expressions speak of: names of metrics and of labels, found by their form."""

import re
from typing import NamedTuple

import yaml

from deploy.observability.dashboards import DASHBOARDS
from deploy.observability.dashboards.building import selected
from deploy.observability.generated import rules

METRIC = re.compile(r"\b(mews_(?!service\b)[a-z0-9_]+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
GROUPED = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
PARTS = re.compile(r"_(bucket|sum|count)$")


class Used(NamedTuple):
    """An expression, and where it stands."""

    place: str
    expr: str


def panel_queries() -> list[Used]:
    """The queries of all panels."""
    return [
        Used(f"{dashboard.uid}: {panel.title} ({number})", selected(query.expr, dashboard))
        for dashboard in DASHBOARDS
        for row in dashboard.rows
        for panel in row.panels
        for number, query in enumerate(panel.queries, start=1)
    ]


def rule_expressions() -> list[Used]:
    """The expressions of all rules."""
    return [
        Used(rule.get("record") or rule["alert"], rule["expr"])
        for text in rules().values()
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
    ]


def metrics_in(expr: str) -> dict[str, set[str]]:
    """The labels by which each metric is selected."""
    found: dict[str, set[str]] = {}
    for name, selection in METRIC.findall(expr):
        found.setdefault(name, set()).update(MATCHER.findall(selection))
    return found


def labels_grouped_by(expr: str) -> set[str]:
    """The labels by which anything is grouped or matched."""
    return {label.strip() for labels in GROUPED.findall(expr) for label in labels.split(",") if label.strip()}


def base_of(name: str, histograms: set[str]) -> str:
    """The metric of a name that is queried; that of a histogram has three."""
    base = PARTS.sub("", name)
    return base if base in histograms else name
