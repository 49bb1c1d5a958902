"""Every subject of the bus: built and parsed here and nowhere else."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass

from contracts.base import TaskId, WorkerId
from contracts.decided import DecidedKind

REGISTERED = "worker.registered"
"""Where the bus repeats every registration for whoever listens; workers speak on `worker.registered.<worker>`."""
HEARTBEATS = "worker.heartbeat.*"
NEXT_TASKS = "manager.next_task.*"
END_SESSIONS = "manager.end_session.*"

STREAMED = "worker.stream"
"""The family whose subjects name the task too."""

COMPLETED = "worker.completion"
"""The family of an attempt's last words."""

_FAMILY_OF_KIND = {
    "registered": "worker.registered",
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
    "completion": COMPLETED,
    "outcome": COMPLETED,
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
    "session_end": COMPLETED,
    "learning": "manager.question",
    "collaboration_response": "manager.question",
}


@dataclass(frozen=True, slots=True)
class Address:
    """What a subject says: its family, and the ids in it."""

    family: str
    worker_id: str | None = None
    task_id: str | None = None

    @property
    def template(self) -> str:
        """The subject with names in the places of its ids."""
        ids = {"{worker_id}": self.worker_id, "{task_id}": self.task_id}
        return ".".join([self.family, *(name for name, value in ids.items() if value is not None)])


def for_event(kind: str, worker_id: WorkerId, task_id: TaskId | None) -> str:
    """Subject of a worker's event. Raises KeyError for an unknown kind, ValueError for a stream without a task."""
    family = _FAMILY_OF_KIND[kind]
    if family != STREAMED:
        return f"{family}.{worker_id}"
    if task_id is None:
        raise ValueError(f"an event of kind {kind!r} needs a task_id")
    return f"{family}.{worker_id}.{task_id}"


def for_decided(kind: DecidedKind) -> str:
    """Subject of a domain event: `event.task.completed` and the like."""
    return f"event.{kind.value}"


def reports_of(worker_id: WorkerId) -> tuple[str, ...]:
    """All subjects on which a worker's events travel; with `*` for the worker, those of all workers."""
    families = sorted(set(_FAMILY_OF_KIND.values()))
    return tuple(f"{family}.{worker_id}" + (".*" if family == STREAMED else "") for family in families)


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


def object_key(task_id: TaskId, attempt: int, name: str) -> str:
    """The key of an object: with the attempt in it, an older attempt never touches what a newer one has kept."""
    return f"{task_id}/{attempt}/{name}"


def object_meta(bucket: str, worker_id: WorkerId, key: str) -> str:
    """Where the description of an object lies."""
    return f"$O.{bucket}.M.{worker_id}.{_token(key)}"


def object_chunk(bucket: str, worker_id: WorkerId, key: str, slot: int, number: int) -> str:
    """Where a part of its content lies; `slot` tells two versions apart, of which one counts."""
    return f"$O.{bucket}.C.{worker_id}.{_token(key)}.{slot}.{number}"


def objects_of(bucket: str, worker_id: WorkerId) -> tuple[str, str]:
    """All descriptions and all contents of a worker's objects; with `*`, of everybody's."""
    return f"$O.{bucket}.M.{worker_id}.*", f"$O.{bucket}.C.{worker_id}.*.*.*"


def worker_inbox(worker_id: WorkerId) -> str:
    """Before the subjects on which a worker hears answers."""
    return f"_INBOX.worker.{worker_id}"


def service_inbox(name: str) -> str:
    """Before the subjects on which a service hears answers."""
    return f"_INBOX.service.{name}"


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


def asked_of(subject: str) -> tuple[str, str]:
    """Service and verb of a request's subject."""
    tokens = subject.split(".")
    return (tokens[2], tokens[3]) if subject.startswith("manager.rpc.") else ("orchestrator", tokens[1])


def lane(subject: str) -> str:
    """The part of the subjects that every consumer takes all or nothing of: batches are numbered for each lane alone.

    So the numbers that a consumer sees are dense, whatever it filters, and what it has applied is a single low mark.
    """
    tokens = subject.split(".")
    return subject if subject.startswith(("worker.command.", "worker.answer.")) else ".".join(tokens[:2])


def sender(subject: str) -> WorkerId | None:
    """The worker whose subject it is; None for a subject that is no worker's own, such as `event.task.queued`."""
    tokens = subject.split(".", 3)
    return tokens[2] if len(tokens) > 2 and tokens[0] in {"worker", "manager"} else None


def belongs_to(subject: str, kind: str, worker_id: str, task_id: str | None) -> bool:
    """Whether an event may travel on this subject: a worker cannot speak for another."""
    try:
        return subject == for_event(kind, worker_id, task_id)
    except (KeyError, ValueError):
        return False


def includes(pattern: str, other: str) -> bool:
    """Whether a pattern matches all that another pattern, or subject, does."""
    wanted = other.split(".")
    for place, token in enumerate(pattern.split(".")):
        if token == ">":
            return len(wanted) > place
        if place >= len(wanted) or wanted[place] == ">" or token not in ("*", wanted[place]):
            return False
    return len(wanted) == pattern.count(".") + 1


def _token(key: str) -> str:
    """A key as one token of a subject."""
    return urlsafe_b64encode(key.encode()).rstrip(b"=").decode()
