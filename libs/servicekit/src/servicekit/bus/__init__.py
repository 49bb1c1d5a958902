"""The bus: NATS core for what may be lost, JetStream for what may not."""

# First: it decides what nats-py loads.
import servicekit.bus.plain  # noqa: F401  # pyright: ignore[reportUnusedImport]  # isort: skip
from servicekit.bus.connection import Bus
from servicekit.bus.consuming import BatchConsumer, foreign_event
from servicekit.bus.deadletters import (
    DeadLetters,
    add_dead_letter_states,
    create_dead_letters,
    finish_dead_letter_states,
)
from servicekit.bus.declare import declare_again, declare_streams, ensure_worker_consumers, keep_declared
from servicekit.bus.fairness import FairShare
from servicekit.bus.publishing import Outgoing, publish_batches
from servicekit.bus.ratelimit import RateLimit
from servicekit.bus.received import Received
from servicekit.bus.settling import DeadLetterSink, RetryPolicy

__all__ = [
    "BatchConsumer",
    "Bus",
    "DeadLetterSink",
    "DeadLetters",
    "FairShare",
    "Outgoing",
    "RateLimit",
    "Received",
    "RetryPolicy",
    "add_dead_letter_states",
    "create_dead_letters",
    "declare_again",
    "declare_streams",
    "ensure_worker_consumers",
    "finish_dead_letter_states",
    "foreign_event",
    "keep_declared",
    "publish_batches",
]
