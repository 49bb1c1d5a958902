"""What a worker counts of itself; each process is one worker, so that no label need name it."""

from prometheus_client import Counter, Gauge

from servicekit.metrics import REGISTRY, Bounded

SPOOL_EVENTS = Gauge("mews_spool_events", "Events that the broker does not have yet.", registry=REGISTRY)
SPOOL_BYTES = Gauge("mews_spool_bytes", "Bytes of these events.", registry=REGISTRY)
SPOOL_FILE_BYTES = Gauge("mews_spool_file_bytes", "Bytes of the spool's files.", registry=REGISTRY)
SPOOL_LIMIT_BYTES = Gauge("mews_spool_limit_bytes", "Bytes of events that the spool takes.", registry=REGISTRY)
SPOOL_OLDEST = Gauge("mews_spool_oldest_seconds", "Age of the oldest of these events.", registry=REGISTRY)
ATTEMPTS = Gauge("mews_attempts_held", "Attempts that this worker holds.", registry=REGISTRY)
SLOTS = Gauge("mews_worker_slots", "Attempts that may run at a time.", registry=REGISTRY)
TAKES_TASKS = Gauge("mews_worker_takes_tasks", "0 while this worker is paused or drained.", registry=REGISTRY)
ROUND_TRIP = Gauge(
    "mews_bus_round_trip_seconds", "Time to the broker and back, when it was last measured.", registry=REGISTRY
)
RUNS = Counter("mews_worker_attempts", "Attempts that ended here, by how.", ["agent", "status"], registry=REGISTRY)

agents = Bounded()
