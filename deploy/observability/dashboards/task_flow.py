"""The way of a task: created, queued, assigned, run, told; and each edge that it crosses."""

from deploy.observability.dashboards.panels import Dashboard, Query, Row, over_time
from deploy.observability.dashboards.promql import greatest, increase, quantile, rate

OURS = 'status=~"5..",route!~"/(readyz|healthz|metrics)"'
"""Errors, but for a probe that says that a service is not ready."""

TASKS = Row(
    "Tasks",
    (
        over_time("Tasks by state", "none", Query(greatest("mews_tasks", "state"), "{{state}}"), stacked=True),
        over_time(
            "Tasks",
            "ops",
            Query(rate("mews_tasks_created_total"), "created"),
            Query(rate("mews_tasks_assigned_total"), "assigned"),
            Query(rate("mews_tasks_ended_total", "status"), "{{status}}"),
        ),
        over_time("Attempts that ended", "ops", Query(rate("mews_attempts_closed_total", "state"), "{{state}}")),
        over_time(
            "From creation to assignment",
            "s",
            Query(quantile("0.5", "mews_task_queue_seconds"), "p50"),
            Query(quantile("0.95", "mews_task_queue_seconds"), "p95"),
        ),
        over_time("Scheduling round, p99", "s", Query(quantile("0.99", "mews_schedule_round_seconds"), "p99")),
        over_time(
            "Time of an attempt",
            "s",
            Query(quantile("0.5", "mews_attempt_seconds", "status"), "{{status}} p50"),
            Query(quantile("0.95", "mews_attempt_seconds", "status"), "{{status}} p95"),
        ),
        over_time(
            "Given up",
            "none",
            Query(increase("mews_queue_timeouts_total"), "waited too long"),
            Query(increase("mews_tasks_quarantined_total"), "quarantined"),
        ),
        over_time(
            "Reports that changed nothing",
            "none",
            Query(increase("mews_reports_refused_total", "standing"), "{{standing}}"),
        ),
        over_time(
            "Questions open",
            "none",
            Query(greatest("mews_questions_open", "kind"), "{{kind}}"),
        ),
    ),
)
BUS = Row(
    "Bus",
    (
        over_time("Messages behind", "none", Query(greatest("mews_bus_consumer_pending", "durable"), "{{durable}}")),
        over_time(
            "Delivered, not acknowledged",
            "none",
            Query(greatest("mews_bus_consumer_ack_pending", "durable"), "{{durable}}"),
        ),
        over_time(
            "From stored to handled, p99",
            "s",
            Query(quantile("0.99", "mews_bus_delay_seconds", "durable"), "{{durable}}"),
        ),
        over_time("Events", "ops", Query(rate("mews_bus_events_total", "durable"), "{{durable}}")),
        over_time(
            "Time of a gathering, p99",
            "s",
            Query(quantile("0.99", "mews_bus_handle_seconds", "durable"), "{{durable}}"),
        ),
        over_time("Published", "ops", Query(rate("mews_bus_published_total", "job, stream"), "{{job}} {{stream}}")),
        over_time(
            "Trouble",
            "none",
            Query(
                increase("mews_bus_redeliveries_total", "durable"),
                "came again: {{durable}}",
            ),
            Query(increase("mews_bus_failures_total", "durable"), "failed: {{durable}}"),
            Query(increase("mews_bus_deferred_total", "durable"), "flood: {{durable}}"),
        ),
        over_time(
            "Not published",
            "none",
            Query(
                increase("mews_bus_publish_failures_total", "job, reason"),
                "{{job}}: {{reason}}",
            ),
        ),
        over_time(
            "Outboxes",
            "s",
            Query(greatest("mews_outbox_oldest_seconds", "schema"), "{{schema}}"),
            about="Age of what waits to be published.",
        ),
        over_time(
            "Put aside",
            "none",
            Query(
                increase("mews_dead_letters_total", "mews_service, reason"),
                "{{mews_service}}: {{reason}}",
            ),
        ),
    ),
)
HTTP = Row(
    "Requests",
    (
        over_time("HTTP requests", "reqps", Query(rate("mews_http_requests_total", "job"), "{{job}}")),
        over_time(
            "HTTP errors",
            "reqps",
            Query(rate("mews_http_requests_total", "job", OURS), "{{job}}"),
        ),
        over_time("HTTP time, p99", "s", Query(quantile("0.99", "mews_http_request_seconds", "job"), "{{job}}")),
        over_time(
            "Calls between services",
            "reqps",
            Query(rate("mews_http_calls_total", "peer, outcome"), "{{peer}}: {{outcome}}"),
        ),
        over_time("Their time, p99", "s", Query(quantile("0.99", "mews_http_call_seconds", "peer"), "{{peer}}")),
        over_time(
            "Requests over the bus",
            "reqps",
            Query(rate("mews_rpc_requests_total", "verb, outcome"), "{{verb}}: {{outcome}}"),
        ),
        over_time("Their time, p99", "s", Query(quantile("0.99", "mews_rpc_request_seconds", "verb"), "{{verb}}")),
    ),
)

DASHBOARD = Dashboard("mews-task-flow", "mews: task flow", __doc__ or "", (TASKS, BUS, HTTP))
