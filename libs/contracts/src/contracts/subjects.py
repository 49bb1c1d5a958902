"""Every subject of the bus: built and parsed here and nowhere else."""

from dataclasses import dataclass

from contracts.base import TaskId, WorkerId
from contracts.decided import DecidedKind

REGISTERED = "worker.registered"
HEARTBEATS = "worker.heartbeat.*"
NEXT_TASKS = "manager.next_task.*"
END_SESSIONS = "manager.end_session.*"

STREAMED = "worker.stream"
"""The family whose subjects name the task too."""

_FAMILY_OF_KIND = {
    "progress": "worker.progress",
    "milestone": "worker.milestone",
    "analytics": "worker.analytics",
    "stream": "worker.stream",
    "decision": "worker.decision",
    "plan": "worker.plan",
    "tests": "worker.tests",
    "quality": "worker.quality",
    "resource": "worker.resource",
    "profile": "worker.profile",
    "error": "worker.error",
    "completion": "worker.completion",
    "outcome": "worker.completion",
    "question": "manager.question",
    "resource_request": "manager.question",
    "collaboration_request": "manager.question",
    "tool_call": "worker.stream",
    "token_usage": "worker.resource",
    "plan_step": "worker.plan",
    "coverage": "worker.tests",
    "benchmark": "worker.tests",
    "security_scan": "worker.quality",
    "dependency_analysis": "worker.quality",
    "code_change": "worker.quality",
    "artifact": "worker.milestone",
    "checkpoint": "worker.milestone",
    "api_quota": "worker.resource",
    "grant": "worker.resource",
    "recovery": "worker.error",
    "blocker": "worker.error",
    "session_end": "worker.completion",
    "learning": "manager.question",
    "collaboration_response": "manager.question",
}


@dataclass(frozen=True, slots=True)
class Address:
    """What a subject says: its family, and the ids in it."""

    family: str
    worker_id: str | None = None
    task_id: str | None = None


def for_event(kind: str, worker_id: WorkerId, task_id: TaskId | None) -> str:
    """Subject of a worker's event. Raises KeyError for an unknown kind, ValueError for a stream without a task."""
    if kind == "registered":
        return REGISTERED
    family = _FAMILY_OF_KIND[kind]
    if family != STREAMED:
        return f"{family}.{worker_id}"
    if task_id is None:
        raise ValueError(f"an event of kind {kind!r} needs a task_id")
    return f"{family}.{worker_id}.{task_id}"


def for_decided(kind: DecidedKind) -> str:
    """Subject of a domain event: `event.task.completed` and the like."""
    return f"event.{kind.value}"


def task(worker_id: WorkerId) -> str:
    """Where a worker gets its assignments."""
    return f"worker.task.{worker_id}"


def command(worker_id: WorkerId) -> str:
    """Where a worker gets its commands."""
    return f"worker.command.{worker_id}"


def answer(worker_id: WorkerId) -> str:
    """Where a worker gets its answers."""
    return f"worker.answer.{worker_id}"


def heartbeat(worker_id: WorkerId) -> str:
    """Where a worker shows that it lives."""
    return f"worker.heartbeat.{worker_id}"


def next_task(worker_id: WorkerId) -> str:
    """Where a worker says that it has a free slot."""
    return f"manager.next_task.{worker_id}"


def end_session(worker_id: WorkerId) -> str:
    """Where a worker says that it leaves."""
    return f"manager.end_session.{worker_id}"


def rpc(service: str, verb: str, worker_id: WorkerId) -> str:
    """Where a worker asks a service for something."""
    return f"manager.rpc.{service}.{verb}.{worker_id}"


def parse(subject: str) -> Address:
    """Read a worker's subject. Raises ValueError for one that is not of the platform."""
    tokens = subject.split(".")
    if subject == REGISTERED:
        return Address(REGISTERED)
    if len(tokens) == 4 and subject.startswith(f"{STREAMED}."):
        return Address(STREAMED, tokens[2], tokens[3])
    if len(tokens) == 3 and tokens[0] in {"worker", "manager"}:
        return Address(f"{tokens[0]}.{tokens[1]}", tokens[2])
    if len(tokens) == 3 and tokens[0] == "event":
        return Address(subject)
    raise ValueError(f"not a subject of the platform: {subject!r}")


def lane(subject: str) -> str:
    """The part of the subjects that every consumer takes all or nothing of: batches are numbered for each lane alone.

    So the numbers that a consumer sees are dense, whatever it filters, and what it has applied is a single low mark.
    """
    tokens = subject.split(".")
    return subject if subject.startswith(("worker.command.", "worker.answer.")) else ".".join(tokens[:2])


def sender(subject: str) -> WorkerId | None:
    """The worker whose subject it is; None for a subject that is no worker's own, such as `worker.registered`."""
    tokens = subject.split(".", 3)
    return tokens[2] if len(tokens) > 2 and tokens[0] in {"worker", "manager"} else None


def belongs_to(subject: str, kind: str, worker_id: str, task_id: str | None) -> bool:
    """Whether an event may travel on this subject: a worker cannot speak for another."""
    try:
        return subject == for_event(kind, worker_id, task_id)
    except (KeyError, ValueError):
        return False
