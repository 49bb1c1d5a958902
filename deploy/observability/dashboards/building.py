"""Grafana's own model of a dashboard, by its foundation SDK."""

from typing import Any

from grafana_foundation_sdk.builders import common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, StackingMode
from grafana_foundation_sdk.models.dashboard import Dashboard as Model
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from deploy.observability.dashboards.panels import Dashboard, Panel, Query

SOURCE = DataSourceRef("prometheus", "${datasource}")
NAMESPACE = 'namespace=~"$namespace"'
WORKER = 'instance=~"$worker"'
HEIGHTS = {"timeseries": 8, "table": 8, "stat": 4}
EVERYTHING = ".*"


def selected(expr: str, dashboard: Dashboard) -> str:
    """An expression with the selection of the dashboard's variables for `@`."""
    selection = f"{NAMESPACE},{WORKER}" if dashboard.worker else NAMESPACE
    return expr.replace("{@}", f"{{{selection}}}").replace("{@,", f"{{{selection},")


def built(dashboard: Dashboard) -> Model:
    """The dashboard as Grafana keeps it; equal data give equal dashboards."""
    builder = (
        grafana.Dashboard(dashboard.title)
        .uid(dashboard.uid)
        .description(dashboard.about)
        .tags(["mews"])
        .editable()
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(grafana.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_variable("namespace", "Namespace", "label_values(mews_build_info, namespace)"))
    )
    if dashboard.worker:
        workers = f"label_values(mews_worker_slots{{{NAMESPACE}}}, instance)"
        builder = builder.with_variable(_variable("worker", "Worker", workers))
    number = 0
    for row in dashboard.rows:
        number += 1
        builder = builder.with_row(grafana.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            builder = builder.with_panel(_panel(panel, dashboard).id(number))
    return builder.build()


def _variable(name: str, label: str, query: str) -> grafana.QueryVariable:
    # Without the label, as on one machine, all matches what has none.
    return (
        grafana.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .include_all(True)
        .all_value(EVERYTHING)
        .current(VariableOption(True, "All", "$__all"))
    )


def _panel(panel: Panel, dashboard: Dashboard) -> Any:
    builder = {"timeseries": _lines, "stat": _number, "table": _table}[panel.kind](panel)
    builder = builder.title(panel.title).unit(panel.unit).datasource(SOURCE)
    builder = builder.height(HEIGHTS[panel.kind]).span(panel.width)
    if panel.about:
        builder = builder.description(panel.about)
    for place, query in enumerate(panel.queries):
        target = _target(query, dashboard, chr(ord("A") + place))
        builder = builder.with_target(target.range() if panel.kind == "timeseries" else target.instant())
    return builder


def _target(query: Query, dashboard: Dashboard, ref_id: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(selected(query.expr, dashboard)).ref_id(ref_id).datasource(SOURCE)
    return target.legend_format(query.legend) if query.legend else target


def _lines(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().show_legend(True)
    legend = legend.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    builder = timeseries.Panel().legend(legend).min(0).line_width(1).fill_opacity(25 if panel.stacked else 8)
    if panel.most is not None:
        builder = builder.max(panel.most)
    return builder.stacking(common.StackingConfig().mode(StackingMode.NORMAL)) if panel.stacked else builder


def _number(_panel: Panel) -> stat.Panel:
    return stat.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))


def _table(_panel: Panel) -> table.Panel:
    return table.Panel()
