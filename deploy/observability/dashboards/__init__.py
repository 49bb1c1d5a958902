"""Grafana's dashboards, in code: what each shows is data, and `building` makes Grafana's JSON of it."""

from deploy.observability.dashboards import cost, fleet, quality, slo, task_flow, worker

DASHBOARDS = (fleet.DASHBOARD, task_flow.DASHBOARD, worker.DASHBOARD, quality.DASHBOARD, cost.DASHBOARD, slo.DASHBOARD)
