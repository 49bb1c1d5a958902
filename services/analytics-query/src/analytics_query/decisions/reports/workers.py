"""Workers: how much of their time is used, how fast they answer, and how well their attempts end."""

from collections.abc import Collection

from analytics_query.decisions.reports.definitions import Definition, is_wanted
from analytics_query.decisions.reports.ranking import ranked
from analytics_query.decisions.reports.reading import Reading
from analytics_query.decisions.reports.recipes import Per, Portion, Quantile, Rate, Used
from analytics_query.decisions.reports.trust import TRUST
from analytics_query.domain.vocabulary import Dimension
from contracts.analytics import Section

ERRORS = ("errors:critical", "errors:error")

DEFINITIONS = (
    Definition(
        "utilization",
        "percent",
        Used("slot_ms_used", "slot_ms_total", "fleet_cpu_percent"),
        ("utilization",),
        None,
        source="worker.sampled",
    ),
    Definition(
        "worker_tasks_per_hour",
        "per_hour",
        Rate(("attempts_completed",)),
        ("tasks_per_hour", "throughput"),
        "higher",
    ),
    Definition(
        "success_rate",
        "percent",
        Portion(("attempts_completed",), ("attempts_ended",)),
        ("success_rate", "completion_rate"),
        "higher",
        core=True,
    ),
    Definition(
        "attempt_error_rate",
        "percent",
        Portion(("attempts_failed", "attempts_timed_out", "attempts_requeued"), ("attempts_ended",)),
        ("error_rate",),
        "lower",
    ),
    Definition("response_time_p50", "ms", Quantile("response_ms", 0.5), ("response_time",), "lower"),
    Definition("response_time_p95", "ms", Quantile("response_ms", 0.95), ("response_time",), "lower"),
    Definition("worker_execution_time_p50", "ms", Quantile("execution_ms", 0.5), ("execution_time",), "lower"),
    Definition("worker_execution_time_p95", "ms", Quantile("execution_ms", 0.95), ("execution_time",), "lower"),
    Definition("errors_per_attempt", "count", Per(ERRORS, "attempts_ended"), ("error_rate",), "lower", source="error"),
    Definition("worker_cpu_p95", "percent", Quantile("fleet_cpu_percent", 0.95), ("cpu", "resource_usage")),
    Definition("worker_memory_p95", "mb", Quantile("fleet_memory_mb", 0.95), ("memory", "resource_usage"), "lower"),
    Definition("worker_round_trip_p95", "ms", Quantile("round_trip_ms", 0.95), ("network_latency",), "lower"),
)


def workers_section(reading: Reading, wanted: Collection[str], limit: int) -> Section:
    """The workers that were read, the busiest first."""
    definitions = (*DEFINITIONS, *((TRUST,) if is_wanted(TRUST.groups, wanted) else ()))
    return ranked("workers", "Workers", reading, Dimension.worker, definitions, wanted, limit)
