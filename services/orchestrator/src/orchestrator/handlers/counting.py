"""What this service counts beside what all services do."""

from prometheus_client import Counter, Gauge, Histogram

from servicekit.metrics import REGISTRY

TASKS_CREATED = Counter("mews_tasks_created", "Tasks accepted.", registry=REGISTRY)
TASKS_ASSIGNED = Counter("mews_tasks_assigned", "Attempts handed to workers.", registry=REGISTRY)
ATTEMPTS_CLOSED = Counter("mews_attempts_closed", "Attempts that ended, by how.", ["state"], registry=REGISTRY)
TASKS_ENDED = Counter("mews_tasks_ended", "Tasks that ended, by how.", ["status"], registry=REGISTRY)
REPORTS_REFUSED = Counter(
    "mews_reports_refused", "Reports that changed nothing, by why.", ["standing"], registry=REGISTRY
)
LEASES_EXPIRED = Counter("mews_leases_expired", "Attempts lost without a sign of life.", registry=REGISTRY)
WORKER_CRASHES = Counter(
    "mews_worker_crashes", "Times that a worker or its sandbox died while it had a task.", registry=REGISTRY
)
TASKS_QUARANTINED = Counter("mews_tasks_quarantined", "Tasks that workers do not survive.", registry=REGISTRY)
QUEUE_TIMEOUTS = Counter("mews_queue_timeouts", "Tasks that no worker took in time.", registry=REGISTRY)
RUNS_CUT_OFF = Counter(
    "mews_runs_cut_off", "Attempts that their worker did not end in time, and the platform did.", registry=REGISTRY
)
STRAY_ATTEMPTS = Counter(
    "mews_stray_attempts", "Attempts that a worker went on with after they were closed.", registry=REGISTRY
)
WORKERS_SUPERSEDED = Counter("mews_workers_superseded", "Processes that ran beside their successor.", registry=REGISTRY)
HEARTBEATS = Counter("mews_heartbeats", "Heartbeats heard.", registry=REGISTRY)
HEARTBEATS_UNWRITTEN = Counter(
    "mews_heartbeats_unwritten",
    "Heartbeats that were heard and hold values that the database does not take.",
    registry=REGISTRY,
)
CORE_REFUSED = Counter(
    "mews_core_refused",
    "Heartbeats and requests of workers that were not handled: rate_limited, invalid.",
    ["kind", "reason"],
    registry=REGISTRY,
)
LEADS = Gauge("mews_orchestrator_leads", "1 while this process leads.", registry=REGISTRY)
WORKERS_ONLINE = Gauge("mews_workers_online", "Workers online, as the leader sees it.", registry=REGISTRY)
FLEET_REPLICAS = Gauge("mews_fleet_replicas", "Workers that are wanted, as the leader sees it.", registry=REGISTRY)
FLEET_INSTANCES = Gauge(
    "mews_fleet_instances",
    "Instances of workers that are there, by whether they are ready.",
    ["ready"],
    registry=REGISTRY,
)
FLEET_STEPS = Counter("mews_fleet_steps", "What was done with instances of workers.", ["step"], registry=REGISTRY)
FLEET_FAILURES = Counter(
    "mews_fleet_failures", "Looks at the fleet, or changes of it, that failed, by why.", ["code"], registry=REGISTRY
)
WORKERS = Gauge("mews_workers", "Workers, as the leader sees them.", ["status"], registry=REGISTRY)
SLOTS = Gauge(
    "mews_slots", "Slots of the workers that are online, as the leader sees them.", ["state"], registry=REGISTRY
)
TASKS = Gauge("mews_tasks", "Tasks that have not ended, as the leader sees them.", ["state"], registry=REGISTRY)
QUEUE_OLDEST = Gauge(
    "mews_tasks_queue_oldest_seconds",
    "How long the task has waited that has been due for longest, as the leader sees it; 0: none waits.",
    registry=REGISTRY,
)
QUARANTINED = Gauge(
    "mews_tasks_in_quarantine", "Tasks that wait for a manager's word in quarantine.", registry=REGISTRY
)
ROUND_SECONDS = Histogram(
    "mews_schedule_round_seconds",
    "Time of a scheduling round that assigned something.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
    registry=REGISTRY,
)
ATTEMPT_SECONDS = Histogram(
    "mews_attempt_seconds",
    "Time of an attempt on its worker, by how it ended.",
    ["status"],
    buckets=(1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0),
    registry=REGISTRY,
)
OUTCOMES = Counter(
    "mews_outcomes",
    "Attempts that told their outcome, by what the agent claimed and what the platform verified.",
    ["agent", "claimed", "verified"],
    registry=REGISTRY,
)
DISAGREED = Counter(
    "mews_claims_disagreed",
    "Claims of agents that did not agree with what was seen or verified.",
    ["agent"],
    registry=REGISTRY,
)
TOKENS = Counter(
    "mews_tokens",
    "Tokens that agents used, as observed; cached: part of the input.",
    ["agent", "model", "kind"],
    registry=REGISTRY,
)
COST = Counter("mews_cost_usd", "US dollars that agents cost, as observed.", ["agent", "model"], registry=REGISTRY)
QUEUE_SECONDS = Histogram(
    "mews_task_queue_seconds",
    "Time from creation to assignment.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0),
    registry=REGISTRY,
)


def forget_fleet() -> None:
    """Who does not lead does not know."""
    for gauge in (WORKERS, SLOTS, TASKS, FLEET_INSTANCES):
        gauge.clear()
    for gauge in (LEADS, WORKERS_ONLINE, QUEUE_OLDEST, QUARANTINED, FLEET_REPLICAS):
        gauge.set(0)
