"""One worker: what it holds, what its agents do, and what it has still to say."""

from deploy.observability.dashboards.panels import Dashboard, Query, Row, number, over_time
from deploy.observability.dashboards.promql import increase, quantile, rate

NOW = Row(
    "Now",
    (
        number("Attempts held", "none", "sum(mews_attempts_held{@})"),
        number("Slots", "none", "sum(mews_worker_slots{@})"),
        number("Takes tasks", "none", "min(mews_worker_takes_tasks{@})", about="0: paused or drained."),
        number("Connected", "none", "min(mews_bus_connected{@})"),
        number("Events in the spool", "none", "sum(mews_spool_events{@})"),
        number("Checks that fail", "none", "sum(mews_readiness_check_failing{@})"),
    ),
)
WORK = Row(
    "Work",
    (
        over_time(
            "Attempts",
            "none",
            Query("mews_attempts_held{@}", "held {{instance}}"),
            Query("mews_worker_slots{@}", "slots {{instance}}"),
        ),
        over_time(
            "Attempts that ended",
            "none",
            Query(increase("mews_worker_attempts_total", "agent, status"), "{{agent}}: {{status}}"),
        ),
        over_time(
            "Calls of tools", "ops", Query(rate("mews_worker_tool_calls_total", "tool"), "{{tool}}"), stacked=True
        ),
        over_time("How they ended", "ops", Query(rate("mews_worker_tool_calls_total", "outcome"), "{{outcome}}")),
        over_time(
            "Held back",
            "none",
            Query(increase("mews_calls_rate_limited_total"), "calls that came too fast"),
            Query(increase("mews_observed_left_out_total"), "observations left out"),
        ),
        over_time(
            "Requests to services",
            "reqps",
            Query(rate("mews_rpc_calls_total", "peer, verb, outcome"), "{{peer}} {{verb}}: {{outcome}}"),
        ),
        over_time("Their time, p99", "s", Query(quantile("0.99", "mews_rpc_call_seconds", "peer"), "{{peer}}")),
    ),
)
SPOOL = Row(
    "Spool and bus",
    (
        over_time("Events in the spool", "none", Query("mews_spool_events{@}", "{{instance}}")),
        over_time(
            "Bytes",
            "bytes",
            Query("mews_spool_bytes{@}", "events {{instance}}"),
            Query("mews_spool_file_bytes{@}", "files {{instance}}"),
            Query("mews_spool_limit_bytes{@}", "limit {{instance}}"),
        ),
        over_time("Oldest event", "s", Query("mews_spool_oldest_seconds{@}", "{{instance}}")),
        over_time("Reports refused", "none", Query(increase("mews_spool_refused_total", "reason"), "{{reason}}")),
        over_time("Published", "ops", Query(rate("mews_bus_published_total", "stream"), "{{stream}}")),
        over_time("Time to the broker and back", "s", Query("mews_bus_round_trip_seconds{@}", "{{instance}}")),
    ),
)
PROCESS = Row(
    "Process",
    (
        over_time(
            "CPU",
            "none",
            Query("rate(process_cpu_seconds_total{@}[$__rate_interval])", "{{instance}}"),
            about="Cores, of the worker-agent itself: the sandbox's are the pod's.",
        ),
        over_time("Memory", "bytes", Query("process_resident_memory_bytes{@}", "{{instance}}")),
        over_time("Workspaces removed", "none", Query(increase("mews_workspaces_removed_total", "why"), "{{why}}")),
    ),
)

DASHBOARD = Dashboard("mews-worker", "mews: one worker", __doc__ or "", (NOW, WORK, SPOOL, PROCESS), worker=True)
