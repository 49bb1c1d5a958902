"""What is counted of the audit log."""

from prometheus_client import Counter, Gauge, Histogram

from servicekit.metrics import REGISTRY

ENTRIES = Counter("mews_audit_entries", "Entries of calls that were written.", ["source", "outcome"], registry=REGISTRY)
DECISIONS = Counter("mews_audit_decisions", "Entries of decisions that were written.", registry=REGISTRY)
LOST = Counter("mews_audit_lost", "Entries that could not be kept until they could be written.", registry=REGISTRY)
WAITING = Gauge("mews_audit_waiting", "Entries that are not written yet.", registry=REGISTRY)
AWAY = Gauge("mews_audit_away", "1 while entries cannot be written.", registry=REGISTRY)
HEAD_SEQ = Gauge("mews_audit_head_seq", "Number of the last entry that this process has seen.", registry=REGISTRY)
SECONDS = Histogram(
    "mews_audit_append_seconds",
    "Time of writing one group of entries.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0),
    registry=REGISTRY,
)
