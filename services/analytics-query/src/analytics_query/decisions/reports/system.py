"""The system: what flows through it, what waits, and how its parts are doing."""

from collections.abc import Collection

from analytics_query.decisions.reports.definitions import Definition, Two, figures_of
from analytics_query.decisions.reports.recipes import Mean, Newest, Quantile, Rate, Total, Used
from contracts.analytics import Section

QUEUE, NETWORK, USAGE = ("queue",), ("network_latency",), ("resource_usage", "cpu", "memory")
SAMPLED = "worker.sampled"

DEFINITIONS = (
    Definition(
        "throughput", "per_hour", Rate(("tasks_completed",)), ("throughput", "tasks_per_hour"), "higher", core=True
    ),
    Definition(
        "events_per_second", "per_second", Rate(("events",), "per_second"), ("throughput",), source="all events"
    ),
    Definition("queue_depth", "count", Newest("queue_depth"), QUEUE, "lower", source=SAMPLED),
    Definition("queue_depth_mean", "count", Mean("queue_depth"), QUEUE, "lower", source=SAMPLED),
    Definition("queue_depth_p95", "count", Quantile("queue_depth", 0.95), QUEUE, "lower", source=SAMPLED),
    Definition("queue_age", "ms", Newest("queue_age_ms"), QUEUE, "lower", source=SAMPLED),
    Definition("queue_age_p95", "ms", Quantile("queue_age_ms", 0.95), QUEUE, "lower", source=SAMPLED),
    Definition("tasks_running_mean", "count", Mean("tasks_running"), ("throughput", "utilization"), source=SAMPLED),
    Definition("workers_online", "count", Newest("workers_online"), ("utilization",), "higher", source=SAMPLED),
    Definition(
        "fleet_utilization",
        "percent",
        Used("slot_ms_used", "slot_ms_total", "fleet_cpu_percent"),
        ("utilization",),
        source=SAMPLED,
    ),
    Definition("fleet_cpu_mean", "percent", Mean("fleet_cpu_percent"), ("resource_usage", "cpu"), source=SAMPLED),
    Definition(
        "fleet_cpu_p95", "percent", Quantile("fleet_cpu_percent", 0.95), ("resource_usage", "cpu"), source=SAMPLED
    ),
    Definition("fleet_memory_mean", "mb", Mean("fleet_memory_mb"), ("resource_usage", "memory"), source=SAMPLED),
    Definition(
        "fleet_memory_p95", "mb", Quantile("fleet_memory_mb", 0.95), ("resource_usage", "memory"), source=SAMPLED
    ),
    Definition("network_latency_p50", "ms", Quantile("round_trip_ms", 0.5), NETWORK, "lower", source=SAMPLED),
    Definition("network_latency_p95", "ms", Quantile("round_trip_ms", 0.95), NETWORK, "lower", source=SAMPLED),
    Definition("network_latency_p99", "ms", Quantile("round_trip_ms", 0.99), NETWORK, "lower", source=SAMPLED),
    Definition("spool_events_p95", "count", Quantile("spool_events", 0.95), NETWORK, "lower", source=SAMPLED),
    Definition(
        "errors_reported",
        "count",
        Total(("errors:critical", "errors:error", "errors:warning", "errors:info")),
        ("error_rate",),
        "lower",
        source="error",
    ),
)


def system_section(two: Two, wanted: Collection[str]) -> Section:
    """The system as a whole."""
    return Section(name="system", title="System", figures=figures_of(DEFINITIONS, two, wanted))
