"""Service-level objectives, and the rules by which their error budgets are watched over several windows.

Each objective is the share of something that must be good over thirty days. The rules record the share that was bad
(`mews:slo_errors:ratio_rate<window>`), for the alerts by burn rate of the SRE workbook: a page where a budget of
thirty days would be gone within two days, a ticket where it would not last.
"""

from typing import NamedTuple

import yaml

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
BY = "namespace"


class Objective(NamedTuple):
    """`all` and `bad` are counters' names with `@` for the window; the objective is a share of the good."""

    name: str
    objective: float
    all: str
    bad: str | None
    good: str | None = None
    """Where the good is counted, and not the bad."""


FAILED = "error|internal.*|.*unavailable|.*_away|remote_error"
"""Outcomes of tool calls that are the platform's fault, and not the caller's."""
# A call that waits for a task to end is as slow as the task.
QUICK = 'tool!="monitor_task"'

OBJECTIVES = (
    Objective(
        "gateway-availability",
        0.999,
        all=f"sum by ({BY}) (rate(mews_tool_calls_total[@]))",
        bad=f'sum by ({BY}) (rate(mews_tool_calls_total{{outcome=~"{FAILED}"}}[@]))',
    ),
    Objective(
        "gateway-latency",
        0.99,
        all=f"sum by ({BY}) (rate(mews_tool_seconds_count{{{QUICK}}}[@]))",
        bad=None,
        good=f'sum by ({BY}) (rate(mews_tool_seconds_bucket{{{QUICK},le="1.0"}}[@]))',
    ),
    Objective(
        "task-start",
        0.95,
        all=f"sum by ({BY}) (rate(mews_task_queue_seconds_count[@]))",
        bad=None,
        good=f'sum by ({BY}) (rate(mews_task_queue_seconds_bucket{{le="30.0"}}[@]))',
    ),
    Objective(
        "ingest-freshness",
        0.99,
        all=f'sum by ({BY}) (rate(mews_bus_delay_seconds_count{{durable="telemetry-ingest"}}[@]))',
        bad=None,
        good=f'sum by ({BY}) (rate(mews_bus_delay_seconds_bucket{{durable="telemetry-ingest",le="10.0"}}[@]))',
    ),
)


class Burn(NamedTuple):
    """An alert: so many times the budget's even spending, over a long window and still over a short one."""

    severity: str
    factor: float
    long: str
    short: str
    lasts: str


BURNS = (
    Burn("critical", 14.4, "1h", "5m", "2m"),
    Burn("critical", 6.0, "6h", "30m", "15m"),
    Burn("warning", 3.0, "1d", "2h", "1h"),
    Burn("warning", 1.0, "3d", "6h", "3h"),
)


def errors(objective: Objective, window: str) -> str:
    """The share that was bad in a window; nothing where nothing was asked for."""
    whole = objective.all.replace("@", window)
    if objective.good is not None:
        return f"1 - ({objective.good.replace('@', window)} / {whole})"
    bad = (objective.bad or "").replace("@", window)
    return f"(({bad}) or 0 * {whole}) / {whole}"


def rules() -> str:
    """Recording rules and alerts, as a rule file."""
    recorded = [
        {"record": f"mews:slo_errors:ratio_rate{window}", "expr": errors(one, window), "labels": {"slo": one.name}}
        for one in OBJECTIVES
        for window in WINDOWS
    ]
    budgets = [
        {"record": "mews:slo_budget:ratio", "expr": f"vector({1 - one.objective:.4g})", "labels": {"slo": one.name}}
        for one in OBJECTIVES
    ]
    groups = [
        {"name": "mews-slo-errors", "rules": recorded},
        {"name": "mews-slo-budgets", "rules": budgets},
        {"name": "mews-slo-alerts", "rules": [_alert(burn) for burn in BURNS]},
    ]
    head = "# Made by `make observability` from deploy/observability/slos.py.\n"
    return head + yaml.safe_dump({"groups": groups}, sort_keys=False, width=1_000)


def _alert(burn: Burn) -> dict[str, object]:
    bound = f"> on (slo) group_left () ({burn.factor:g} * mews:slo_budget:ratio)"
    long, short = (f"mews:slo_errors:ratio_rate{window} {bound}" for window in (burn.long, burn.short))
    summary = "The error budget of {{ $labels.slo }} burns " + f"{burn.factor:g} times as fast as it may."
    detail = f"{{{{ $value | humanizePercentage }}}} of what was asked in the last {burn.long} was not as promised."
    return {
        "alert": "MewsErrorBudgetBurns",
        "expr": f"({long}) and ({short})",
        "for": burn.lasts,
        "labels": {"severity": burn.severity, "window": burn.long},
        "annotations": {
            "summary": summary,
            "description": detail,
            "runbook_url": "docs/runbooks/alerts.md#mewserrorbudgetburns",
        },
    }
