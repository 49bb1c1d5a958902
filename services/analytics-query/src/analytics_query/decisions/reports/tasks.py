"""Tasks: how many end well, how long they take, and how often they are tried again."""

from collections.abc import Collection

from analytics_query.decisions.reports.definitions import Definition, Two, figures_of
from analytics_query.decisions.reports.recipes import Mean, Per, Portion, Quantile, Rate, Total
from contracts.analytics import Section
from contracts.tasks import FailureClass

TIME, THROUGHPUT = ("execution_time",), ("throughput",)
FAILED = ("tasks_failed", "tasks_timed_out")

DEFINITIONS = (
    Definition("tasks_created", "count", Total(("tasks_created",)), THROUGHPUT),
    Definition("tasks_finished", "count", Total(("tasks_finished",)), THROUGHPUT, core=True),
    Definition(
        "completion_rate",
        "percent",
        Portion(("tasks_completed",), ("tasks_finished",)),
        ("completion_rate", "success_rate"),
        "higher",
        core=True,
    ),
    Definition("error_rate", "percent", Portion(FAILED, ("tasks_finished",)), ("error_rate",), "lower", core=True),
    *(
        Definition(f"failures_{why.value}", "count", Total((f"failures:{why.value}",)), ("error_rate",), "lower")
        for why in FailureClass
    ),
    Definition(
        "cancel_rate", "percent", Portion(("tasks_cancelled",), ("tasks_finished",)), ("completion_rate",), "lower"
    ),
    Definition(
        "retry_rate", "percent", Portion(("tasks_retried",), ("tasks_finished",)), ("retry_rate",), "lower", core=True
    ),
    Definition(
        "attempt_success_rate",
        "percent",
        Portion(("attempts_completed",), ("attempts_ended",)),
        ("success_rate",),
        "higher",
    ),
    Definition("execution_time_mean", "ms", Mean("execution_ms"), TIME, "lower", core=True),
    Definition("execution_time_p50", "ms", Quantile("execution_ms", 0.5), TIME, "lower", core=True),
    Definition("execution_time_p95", "ms", Quantile("execution_ms", 0.95), TIME, "lower", core=True),
    Definition("execution_time_p99", "ms", Quantile("execution_ms", 0.99), TIME, "lower", core=True),
    Definition("turnaround_p50", "ms", Quantile("turnaround_ms", 0.5), TIME, "lower"),
    Definition("turnaround_p95", "ms", Quantile("turnaround_ms", 0.95), TIME, "lower"),
    Definition("queue_wait_p50", "ms", Quantile("queue_wait_ms", 0.5), ("queue",), "lower"),
    Definition("queue_wait_p95", "ms", Quantile("queue_wait_ms", 0.95), ("queue",), "lower"),
    Definition("tasks_per_hour", "per_hour", Rate(("tasks_finished",)), ("tasks_per_hour", "throughput"), "higher"),
    Definition("items_processed", "count", Total(("items",)), THROUGHPUT, "higher", source="progress"),
    Definition("items_per_second", "per_second", Mean("items_per_s"), THROUGHPUT, "higher", source="progress"),
    Definition("milestones", "count", Total(("milestones",)), THROUGHPUT, source="milestone"),
    Definition("decisions_per_attempt", "count", Per(("decisions",), "attempts_ended"), ("all",), source="decision"),
)


def tasks_section(two: Two, wanted: Collection[str]) -> Section:
    """How the tasks of an entity went."""
    return Section(name="tasks", title="Tasks", figures=figures_of(DEFINITIONS, two, wanted))
