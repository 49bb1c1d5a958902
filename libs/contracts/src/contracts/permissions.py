"""Who may say and hear what on the bus, as data. ADR 16 says why each worker has a NATS account of its own."""

from dataclasses import dataclass
from typing import NamedTuple

from pydantic import TypeAdapter

from contracts import streams, subjects
from contracts.base import WorkerId
from contracts.rpc import RPCS

EVERY_WORKER = "*"
REPLIES = "_R_.>"
"""Where the bus expects a service's answers to a worker, whatever subject the worker named for them."""
MICRO = "$SRV"

ORCHESTRATOR = "orchestrator"
GATEWAY = "mcp-gateway"

_WORKER_ID: TypeAdapter[str] = TypeAdapter(WorkerId)
_EVENTS = next(stream for stream in streams.STREAMS if stream.name == streams.EVENTS)


class Service(NamedTuple):
    """Subjects on which workers speak or ask. `streams`: one request may have many answers."""

    subject: str
    streams: bool = False


@dataclass(frozen=True, slots=True)
class Rights:
    """What a user may publish and subscribe: exact subjects and patterns, nothing else."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duties:
    """What a service does on the bus, beyond its own durables, the verbs that it answers and its own inbox."""

    publishes: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    """What it subscribes to without storage."""
    reads: tuple[streams.Bucket, ...] = ()
    """Buckets from which it gives out what workers may have."""
    declares: bool = False
    """Whether it makes streams and consumers."""


SERVICES: dict[str, Duties] = {
    ORCHESTRATOR: Duties(
        publishes=("worker.task.*", "worker.command.*", "event.task.*", "event.worker.*"),
        hears=(subjects.HEARTBEATS, subjects.NEXT_TASKS, subjects.END_SESSIONS),
        reads=(streams.CHECKPOINTS,),
        declares=True,
    ),
    "telemetry-ingest": Duties(),
    "analytics-query": Duties(),
    "question-broker": Duties(publishes=("worker.answer.*", "event.question.*")),
    GATEWAY: Duties(hears=_EVENTS.subjects),
}


def services_for(worker_id: str) -> tuple[Service, ...]:
    """All that a worker's account takes from the platform's, and so all that exists for it.

    With `EVERY_WORKER`, what the platform offers.
    """
    return (
        *(Service(subject) for subject in subjects.reports_of(worker_id)),
        Service(subjects.heartbeat(worker_id)),
        Service(subjects.next_task(worker_id)),
        Service(subjects.end_session(worker_id)),
        *(Service(subjects.rpc(rpc.service, verb, worker_id)) for verb, rpc in RPCS.items()),
        *(service for stream in (streams.TASKS, streams.COMMANDS) for service in _pulling(stream, worker_id)),
        *(service for bucket in streams.BUCKETS for service in _keeping(bucket, worker_id)),
    )


def rights_of_worker(worker_id: str) -> Rights:
    """The rights of a worker in its own account. Raises ValueError for an id that is none."""
    known = _WORKER_ID.validate_python(worker_id)
    subscribed = (f"{subjects.worker_inbox(known)}.>",)
    return Rights(tuple(service.subject for service in services_for(known)), subscribed)


def rights_of_service(name: str) -> Rights:
    """The rights of a service in the platform's account. Raises KeyError for one that is not known."""
    duties = SERVICES[name]
    verbs = [subjects.rpc(name, verb, EVERY_WORKER) for verb, rpc in RPCS.items() if rpc.service == name]
    publish = (
        *duties.publishes,
        *((REPLIES,) if verbs else ()),
        *(right for stream, durable in durables_of(name) for right in _consuming(stream, durable)),
        *(f"$JS.API.DIRECT.GET.{bucket.stream}.{lies}" for bucket in duties.reads for lies in _lies(bucket)),
        *(_declaring() if duties.declares else ()),
    )
    micro = (f"{MICRO}.*", f"{MICRO}.*.{name}", f"{MICRO}.*.{name}.*") if verbs else ()
    return Rights(publish, (*duties.hears, *verbs, *micro, f"{subjects.service_inbox(name)}.>"))


def lacking(needed: Rights, given: Rights) -> list[str]:
    """What is needed and not given: `publish <subject>` and `subscribe <subject>`; a pattern gives what it matches."""
    verbs = {"publish": (needed.publish, given.publish), "subscribe": (needed.subscribe, given.subscribe)}
    return [
        f"{verb} {subject}"
        for verb, (wanted, allowed) in verbs.items()
        for subject in wanted
        if not any(subjects.includes(pattern, subject) for pattern in allowed)
    ]


def durables_of(service: str) -> list[tuple[str, str]]:
    """Stream and name of each durable of a service: those that are called like it, or begin so."""
    return [
        (stream.name, durable.name)
        for stream in streams.STREAMS
        for durable in stream.durables
        if durable.name == service or durable.name.startswith(f"{service}-")
    ]


def _pulling(stream: str, worker_id: str) -> tuple[Service, Service]:
    """A worker's own durable is called like it; it is made by the orchestrator, with the filter that it must have."""
    return (
        Service(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{worker_id}", streams=True),
        Service(f"$JS.ACK.{stream}.{worker_id}.>"),
    )


def _keeping(bucket: streams.Bucket, worker_id: str) -> list[Service]:
    own = subjects.objects_of(bucket.name, worker_id)
    return [*(Service(lies) for lies in own), *(Service(f"$JS.API.DIRECT.GET.{bucket.stream}.{lies}") for lies in own)]


def _lies(bucket: streams.Bucket) -> tuple[str, str]:
    return subjects.objects_of(bucket.name, EVERY_WORKER)


def _consuming(stream: str, durable: str) -> tuple[str, ...]:
    return (
        f"$JS.API.CONSUMER.INFO.{stream}.{durable}",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}",
        f"$JS.ACK.{stream}.{durable}.>",
    )


def _declaring() -> tuple[str, ...]:
    """Making and changing what is declared; deleting and purging are nobody's right."""
    named = [stream.name for stream in streams.STREAMS]
    return (
        *(f"$JS.API.STREAM.{verb}.{stream}" for stream in (*named, *_kept()) for verb in ("INFO", "CREATE", "UPDATE")),
        *(f"$JS.API.CONSUMER.{verb}.{stream}.*" for stream in named for verb in ("INFO", "DURABLE.CREATE")),
    )


def _kept() -> list[str]:
    return [bucket.stream for bucket in streams.BUCKETS]
