"""The fleet: who is there, what is taken, and how the services and their stores are."""

from deploy.observability.dashboards.panels import Dashboard, Query, Row, number, over_time
from deploy.observability.dashboards.promql import greatest, increase, quantile, rate

# Figures of a process have no label of the platform's: they are found by the service that runs in it.
OF_A_SERVICE = "* on (job, instance) group_left (mews_service) mews_build_info{@}"

NOW = Row(
    "Now",
    (
        number("Workers online", "none", greatest("mews_workers_online")),
        number("Tasks queued", "none", 'max(mews_tasks{@,state="queued"})'),
        number("Longest wait", "s", greatest("mews_tasks_queue_oldest_seconds")),
        number("Slots in use", "percentunit", 'max(mews_slots{@,state="used"}) / max(mews_slots{@,state="total"})'),
        number("Dead letters open", "none", "sum(max by (mews_service) (mews_dead_letters_open{@}))"),
        number("Alerts", "none", 'count(ALERTS{@,alertname=~"Mews.*",alertstate="firing"}) or vector(0)'),
    ),
)
WORKERS = Row(
    "Workers",
    (
        over_time("Workers", "none", Query(greatest("mews_workers", "status"), "{{status}}"), stacked=True),
        over_time("Slots", "none", Query(greatest("mews_slots", "state"), "{{state}}")),
        over_time(
            "Attempts held", "none", Query("sum by (instance) (mews_attempts_held{@})", "{{instance}}"), stacked=True
        ),
        over_time("Heartbeats", "ops", Query(rate("mews_heartbeats_total"), "heard")),
        over_time(
            "Losses",
            "none",
            Query(increase("mews_leases_expired_total"), "leases expired"),
            Query(increase("mews_worker_crashes_total"), "crashes"),
            Query(increase("mews_runs_cut_off_total"), "runs cut off"),
            Query(increase("mews_stray_attempts_total"), "strays"),
            Query(increase("mews_workers_superseded_total"), "superseded"),
        ),
        over_time("Time to the broker and back", "s", Query("mews_bus_round_trip_seconds{@}", "{{instance}}")),
    ),
)
SPOOLS = Row(
    "Spools",
    (
        over_time(
            "Spool in use", "percentunit", Query("mews_spool_bytes{@} / mews_spool_limit_bytes{@}", "{{instance}}")
        ),
        over_time("Oldest event", "s", Query("mews_spool_oldest_seconds{@}", "{{instance}}")),
        over_time(
            "Reports refused",
            "none",
            Query(increase("mews_spool_refused_total", "reason"), "{{reason}}"),
        ),
    ),
)
PROCESSES = Row(
    "Processes",
    (
        over_time(
            "CPU",
            "none",
            Query(
                f"sum by (mews_service) (rate(process_cpu_seconds_total[$__rate_interval]) {OF_A_SERVICE})",
                "{{mews_service}}",
            ),
            about="Cores.",
        ),
        over_time(
            "Memory",
            "bytes",
            Query(f"max by (mews_service) (process_resident_memory_bytes {OF_A_SERVICE})", "{{mews_service}}"),
        ),
        over_time(
            "Who leads",
            "none",
            Query("sum(mews_orchestrator_leads{@})", "orchestrator"),
            Query("sum(mews_projection_leads{@})", "analytics-query"),
            about="One of each.",
        ),
        over_time(
            "Checks that fail",
            "none",
            Query("sum by (job, check) (mews_readiness_check_failing{@})", "{{job}} {{check}}"),
        ),
        over_time(
            "Loops that crash",
            "none",
            Query(increase("mews_loop_failures_total", "job, loop"), "{{job}} {{loop}}"),
        ),
        over_time(
            "Replicas",
            "none",
            Query("count by (mews_service, version) (mews_build_info{@})", "{{mews_service}} {{version}}"),
        ),
    ),
)
STORES = Row(
    "Stores, as the services see them",
    (
        over_time(
            "PostgreSQL: connections in use",
            "percentunit",
            Query("max by (schema) (mews_postgres_pool_in_use{@} / mews_postgres_pool_connections{@})", "{{schema}}"),
        ),
        over_time(
            "PostgreSQL: time to get a connection, p99",
            "s",
            Query(quantile("0.99", "mews_postgres_acquire_seconds", "schema"), "{{schema}}"),
        ),
        over_time(
            "Failures",
            "none",
            Query(increase("mews_postgres_failures_total", "schema"), "PostgreSQL {{schema}}"),
            Query(increase("mews_redis_failures_total", "job"), "Redis {{job}}"),
        ),
        over_time("NATS: connected", "none", Query("min by (job) (mews_bus_connected{@})", "{{job}}")),
        over_time("NATS: bytes of streams", "bytes", Query(greatest("mews_bus_stream_bytes", "stream"), "{{stream}}")),
        over_time(
            "NATS: messages of streams", "none", Query(greatest("mews_bus_stream_messages", "stream"), "{{stream}}")
        ),
    ),
)

DASHBOARD = Dashboard("mews-fleet", "mews: fleet", __doc__ or "", (NOW, WORKERS, SPOOLS, PROCESSES, STORES))
