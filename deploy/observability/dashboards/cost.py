"""Cost: tokens and dollars that agents used, as observed in their own output."""

from deploy.observability.dashboards.panels import Dashboard, Query, Row, number, over_time, table
from deploy.observability.dashboards.promql import over_range, rate

COST, TOKENS, ENDED = "mews_cost_usd_total", "mews_tokens_total", "mews_tasks_ended_total"
USED, CACHED, INPUT = 'kind=~"input|output"', 'kind="cached"', 'kind="input"'
COMPLETED = 'status="completed"'
NOW = Row(
    "The time shown",
    (
        number("Cost", "currencyUSD", over_range(COST), width=6),
        number("Tokens", "short", over_range(TOKENS, where=USED), width=6),
        number(
            "Cost of a completed task",
            "currencyUSD",
            f"{over_range(COST)} / {over_range(ENDED, where=COMPLETED)}",
            width=6,
        ),
        number(
            "Input from a cache",
            "percentunit",
            f"{over_range(TOKENS, where=CACHED)} / {over_range(TOKENS, where=INPUT)}",
            width=6,
        ),
    ),
)
TIME = Row(
    "Over time",
    (
        over_time(
            "Dollars an hour, by agent",
            "currencyUSD",
            Query(f"{rate(COST, 'agent')} * 3600", "{{agent}}"),
            width=12,
            stacked=True,
        ),
        over_time(
            "Dollars an hour, by model",
            "currencyUSD",
            Query(f"{rate(COST, 'model')} * 3600", "{{model}}"),
            width=12,
            stacked=True,
        ),
        over_time("Tokens a second, by kind", "short", Query(rate(TOKENS, "kind"), "{{kind}}"), width=12),
        over_time(
            "Tokens a second, by model",
            "short",
            Query(rate(TOKENS, "model", USED), "{{model}}"),
            width=12,
            stacked=True,
        ),
    ),
)
TABLES = Row(
    "Who used it",
    (
        table("Dollars by agent and model", "currencyUSD", over_range(COST, "agent, model")),
        table(
            "Tokens by agent, model and kind",
            "short",
            over_range(TOKENS, "agent, model, kind"),
        ),
    ),
)

DASHBOARD = Dashboard("mews-cost", "mews: cost", __doc__ or "", (NOW, TIME, TABLES))
