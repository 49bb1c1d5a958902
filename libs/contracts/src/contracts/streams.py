"""The streams of the bus and the durable consumers of the services, as data."""

from dataclasses import dataclass
from enum import StrEnum

TASKS = "TASKS"
COMMANDS = "COMMANDS"
TELEMETRY = "TELEMETRY"
QUESTIONS = "QUESTIONS"
EVENTS = "EVENTS"

DAY_S = 86_400


class Retention(StrEnum):
    """When the broker forgets a message."""

    work_queue = "workqueue"
    interest = "interest"
    limits = "limits"


@dataclass(frozen=True, slots=True)
class Durable:
    """A durable pull consumer of a service. Empty `subjects`: all of the stream."""

    name: str
    subjects: tuple[str, ...] = ()
    ack_wait_s: int = 60
    """How long a process that took messages and froze may keep them from the others."""


@dataclass(frozen=True, slots=True)
class Republish:
    """What is stored on `source` is also published on `target`, where nothing is stored."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: its subjects, retention, age limit in seconds (None: none) and the durables declared with it."""

    name: str
    subjects: tuple[str, ...]
    retention: Retention
    max_age_s: int | None = None
    durables: tuple[Durable, ...] = ()
    republish: Republish | None = None


ORCHESTRATOR_ACK_WAIT_S = 15
"""Slots are taken until outcomes are heard: another replica must hear them within a part of the attempts' lease."""
ORCHESTRATOR_TELEMETRY = ("worker.registered.*", "worker.progress.*", "worker.completion.*")

STREAMS: tuple[Stream, ...] = (
    Stream(TASKS, ("worker.task.*",), Retention.work_queue),
    Stream(COMMANDS, ("worker.command.*", "worker.answer.*"), Retention.limits, DAY_S),
    Stream(
        TELEMETRY,
        (
            "worker.registered.*",
            "worker.progress.*",
            "worker.milestone.*",
            "worker.analytics.*",
            "worker.stream.*.*",
            "worker.decision.*",
            "worker.plan.*",
            "worker.tests.*",
            "worker.quality.*",
            "worker.resource.*",
            "worker.profile.*",
            "worker.error.*",
            "worker.completion.*",
        ),
        Retention.interest,
        durables=(
            Durable("telemetry-ingest"),
            Durable("analytics-query"),
            Durable("orchestrator", ORCHESTRATOR_TELEMETRY, ORCHESTRATOR_ACK_WAIT_S),
        ),
        republish=Republish("worker.registered.*", "worker.registered"),
    ),
    Stream(
        QUESTIONS,
        ("manager.question.*",),
        Retention.interest,
        durables=(
            Durable("question-broker"),
            Durable("analytics-query-questions"),
            Durable("telemetry-ingest-questions"),
        ),
    ),
    Stream(
        EVENTS,
        ("event.task.*", "event.worker.*", "event.question.*"),
        Retention.limits,
        7 * DAY_S,
        durables=(
            Durable("telemetry-ingest-events"),
            Durable("analytics-query-events"),
            Durable("question-broker-events", ("event.task.*",)),
            Durable("orchestrator-events", ("event.question.*",), ORCHESTRATOR_ACK_WAIT_S),
            Durable("mcp-gateway-audit"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of the object store: its name and the age limit in seconds of what lies in it."""

    name: str
    max_age_s: int

    @property
    def stream(self) -> str:
        """The stream that it is made of."""
        return f"OBJ_{self.name}"


ARTIFACTS = Bucket("ARTIFACTS", 30 * DAY_S)
CHECKPOINTS = Bucket("CHECKPOINTS", 7 * DAY_S)
BUCKETS = (ARTIFACTS, CHECKPOINTS)
