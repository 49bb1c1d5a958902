"""Service-level objectives: how much of each error budget is left, and what the gateway's callers see."""

from deploy.observability.dashboards.panels import Dashboard, Query, Row, number, over_time
from deploy.observability.dashboards.promql import increase, quantile, rate
from deploy.observability.slos import FAILED, OBJECTIVES

BUDGET = "on (slo) group_left () mews:slo_budget:ratio"
LEFT = Row(
    "Error budget left, of three days",
    tuple(
        number(
            f"{one.name} ({one.objective:.1%})",
            "percentunit",
            f'1 - max by (slo) (mews:slo_errors:ratio_rate3d{{@,slo="{one.name}"}}) / {BUDGET}',
            width=6,
        )
        for one in OBJECTIVES
    ),
)
BURN = Row(
    "Burn rates",
    (
        over_time(
            "Of one hour",
            "none",
            Query(f"mews:slo_errors:ratio_rate1h{{@}} / {BUDGET}", "{{slo}}"),
            width=12,
            about="A page at 14.4.",
        ),
        over_time(
            "Of six hours",
            "none",
            Query(f"mews:slo_errors:ratio_rate6h{{@}} / {BUDGET}", "{{slo}}"),
            width=12,
            about="A page at 6.",
        ),
    ),
)
GATEWAY = Row(
    "Gateway",
    (
        over_time("Calls of tools", "reqps", Query(rate("mews_tool_calls_total", "tool"), "{{tool}}"), stacked=True),
        over_time(
            "Failed",
            "reqps",
            Query(rate("mews_tool_calls_total", "tool, outcome", f'outcome=~"{FAILED}"'), "{{tool}}: {{outcome}}"),
            about="Those that are the platform's fault.",
        ),
        over_time(
            "Refused to callers",
            "reqps",
            Query(
                rate("mews_tool_calls_total", "tool, outcome", f'outcome!~"ok|asks|{FAILED}"'), "{{tool}}: {{outcome}}"
            ),
        ),
        over_time(
            "Time of a call",
            "s",
            Query(quantile("0.5", "mews_tool_seconds"), "p50"),
            Query(quantile("0.99", "mews_tool_seconds"), "p99"),
        ),
        over_time("Time by tool, p99", "s", Query(quantile("0.99", "mews_tool_seconds", "tool"), "{{tool}}")),
        over_time(
            "Open streams",
            "none",
            Query("sum(mews_listen_streams{@})", "subscriptions"),
            Query("sum(mews_http_requests_open{@})", "requests"),
        ),
        over_time(
            "Not let in",
            "reqps",
            Query(rate("mews_authentication_failures_total", "reason"), "{{reason}}"),
            Query(rate("mews_rate_limited_total", "effect"), "too many: {{effect}}"),
        ),
        over_time("Audit: entries", "ops", Query(rate("mews_audit_entries_total", "outcome"), "{{outcome}}")),
        over_time(
            "Audit: waiting",
            "none",
            Query("sum(mews_audit_waiting{@})", "waiting"),
            Query(increase("mews_audit_lost_total"), "lost"),
        ),
    ),
)

DASHBOARD = Dashboard("mews-slo", "mews: service levels", __doc__ or "", (LEFT, BURN, GATEWAY))
