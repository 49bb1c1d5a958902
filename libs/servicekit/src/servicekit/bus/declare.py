"""Declaring streams and durable consumers: what `contracts.streams` says, made so on the broker."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import nats.errors
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RePublish,
    RetentionPolicy,
    StorageType,
    StoreCompression,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError

from contracts import permissions, streams, subjects
from servicekit.bus.connection import Bus
from servicekit.bus.lag import measure_streams
from servicekit.logs import get_logger
from servicekit.settings import ServiceSettings

DUPLICATE_WINDOW_S = 300.0
ACK_WAIT_S = 60.0
MAX_ACK_PENDING = 10_000
WORKER_ACK_PENDING = 1_000
# No event fits: while the durables of a new stream are missing, nothing may get in, since it would be forgotten.
SHUT = 1
OPEN = -1
NAME_IN_USE = 10058
CONSUMER_EXISTS = {10013, 10105, 10148}
AGAIN_S = 30.0
_NAMES = (*(stream.name for stream in streams.STREAMS), *(bucket.stream for bucket in streams.BUCKETS))

log = get_logger(__name__)


async def keep_declared(bus: Bus, settings: ServiceSettings) -> None:
    """Declare all streams now, and again each time the broker comes back, since it may have lost them.

    A service that may not declare waits for its own durables instead: they come before their stream takes anything.
    """
    bus.on_reconnect(partial(declare_all, bus, settings) if settings.nats_declares else partial(find_durables, bus))
    bus.refresh()


async def declare_all(bus: Bus, settings: ServiceSettings) -> None:
    """Declare all streams as the settings want them."""
    await declare_streams(
        bus.js,
        replicas=settings.nats_replicas,
        max_bytes=settings.nats_stream_max_bytes,
        compression=settings.nats_compression,
    )


async def declare_again(bus: Bus, settings: ServiceSettings, every_s: float = AGAIN_S) -> None:
    """Declare from time to time what may have been deleted meanwhile, until cancelled: other services may not.

    With it goes how full the streams are.
    """
    while True:
        await bus.wait_ready()
        try:
            await declare_all(bus, settings)
            await measure_streams(bus, _NAMES)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            log.warning("bus.not_declared", error=repr(error))
        await asyncio.sleep(every_s)


async def find_durables(bus: Bus) -> None:
    """Look for the durables of the service that the bus belongs to. Raises NotFoundError where one is missing."""
    await asyncio.gather(*(bus.js.consumer_info(stream, name) for stream, name in permissions.durables_of(bus.name)))


async def declare_streams(
    js: JetStreamContext,
    *,
    replicas: int = 1,
    max_bytes: int | None = None,
    compression: bool = False,
    declared: tuple[streams.Stream, ...] = streams.STREAMS,
) -> None:
    """Make every stream and durable as declared; nothing is done where all is right. `max_bytes` is per stream.

    A new stream takes no message before it has its durables, so that an interest stream cannot forget one.
    """
    await asyncio.gather(*(_declare(js, stream, replicas, max_bytes, compression) for stream in declared))
    await asyncio.gather(*(_declare_bucket(js, bucket, replicas, max_bytes) for bucket in streams.BUCKETS))


async def ensure_worker_consumers(js: JetStreamContext, worker_id: str) -> tuple[str, str]:
    """Make the worker's durables on TASKS and COMMANDS, and give their names; both are the worker's id."""
    await asyncio.gather(
        _ensure_durable(js, streams.TASKS, _consumer(worker_id, (subjects.task(worker_id),), WORKER_ACK_PENDING)),
        _ensure_durable(
            js,
            streams.COMMANDS,
            _consumer(worker_id, (subjects.command(worker_id), subjects.answer(worker_id)), WORKER_ACK_PENDING),
        ),
    )
    return worker_id, worker_id


async def _declare(
    js: JetStreamContext, stream: streams.Stream, replicas: int, max_bytes: int | None, compression: bool
) -> None:
    wanted = _stream_config(stream, replicas, max_bytes, compression)
    found = await _found_or_made(js, wanted)
    for durable in stream.durables:
        consumer = _consumer(durable.name, durable.subjects, MAX_ACK_PENDING, float(durable.ack_wait_s))
        await _ensure_durable(js, stream.name, consumer)
    if _differs(wanted, found):
        await js.update_stream(_merged(found, wanted))


async def _declare_bucket(js: JetStreamContext, bucket: streams.Bucket, replicas: int, max_bytes: int | None) -> None:
    wanted = _bucket_config(bucket, replicas, max_bytes)
    try:
        found = (await js.stream_info(bucket.stream)).config
    except NotFoundError:
        found = await _made(js, wanted)
    if _differs(wanted, found):
        await js.update_stream(_merged(found, wanted))


async def _found_or_made(js: JetStreamContext, wanted: StreamConfig) -> StreamConfig:
    """The stream's present configuration; one that is missing is made shut."""
    name = wanted.name or ""
    try:
        return (await js.stream_info(name)).config
    except NotFoundError:
        pass
    return await _made(js, replace(wanted, max_msg_size=SHUT))


async def _made(js: JetStreamContext, wanted: StreamConfig) -> StreamConfig:
    """The configuration of a stream that was just made, by this process or another."""
    try:
        return (await js.add_stream(wanted)).config
    except APIError as error:
        if error.err_code != NAME_IN_USE:
            raise
    return (await js.stream_info(wanted.name or "")).config


async def _ensure_durable(js: JetStreamContext, stream: str, wanted: ConsumerConfig) -> None:
    try:
        found = (await js.consumer_info(stream, wanted.durable_name or "")).config
    except NotFoundError:
        found = None
    if found is None or _differs(wanted, found):
        try:
            await js.add_consumer(stream, wanted)
        except APIError as error:
            # Another process has just made the same one.
            if error.err_code not in CONSUMER_EXISTS or found is not None:
                raise


def _stream_config(stream: streams.Stream, replicas: int, max_bytes: int | None, compression: bool) -> StreamConfig:
    keeps_all = stream.retention is not streams.Retention.limits
    return StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        retention=RetentionPolicy(stream.retention.value),
        # A full interest or work-queue stream refuses, so that the producer keeps what it has; a log forgets.
        discard=DiscardPolicy.NEW if keeps_all else DiscardPolicy.OLD,
        max_age=float(stream.max_age_s or 0),
        max_bytes=max_bytes if max_bytes is not None else -1,
        max_msg_size=OPEN,
        num_replicas=replicas,
        storage=StorageType.FILE,
        duplicate_window=DUPLICATE_WINDOW_S,
        compression=StoreCompression.S2 if compression else StoreCompression.NONE,
        republish=RePublish(stream.republish.source, stream.republish.target) if stream.republish else None,
    )


def _bucket_config(bucket: streams.Bucket, replicas: int, max_bytes: int | None) -> StreamConfig:
    """Each subject keeps its last message, without roll-ups: one header of those could empty the bucket of all."""
    return StreamConfig(
        name=bucket.stream,
        subjects=list(subjects.objects_of(bucket.name, permissions.EVERY_WORKER)),
        max_age=float(bucket.max_age_s),
        max_bytes=max_bytes if max_bytes is not None else -1,
        max_msgs_per_subject=1,
        discard=DiscardPolicy.NEW,
        num_replicas=replicas,
        storage=StorageType.FILE,
        duplicate_window=DUPLICATE_WINDOW_S,
        allow_direct=True,
        allow_rollup_hdrs=False,
    )


def _consumer(
    name: str, filters: tuple[str, ...], max_ack_pending: int, ack_wait_s: float = ACK_WAIT_S
) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=name,
        filter_subject=filters[0] if len(filters) == 1 else None,
        filter_subjects=list(filters) if len(filters) > 1 else None,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ack_wait_s,
        max_deliver=-1,
        max_ack_pending=max_ack_pending,
    )


def _differs(wanted: Any, found: Any) -> bool:
    """Whether a field that is declared has another value on the broker; fields left None are the broker's choice."""
    return any(
        _plain(value) != _plain(getattr(found, field))
        for field, value in vars(wanted).items()
        if _declared(field, value)
    ) or _has_stray_filter(wanted, found)


def _declared(field: str, value: object) -> bool:
    return value is not None and field not in {"template_owner", "mirror", "sources", "metadata", "max_consumers"}


def _has_stray_filter(wanted: Any, found: Any) -> bool:
    if not isinstance(wanted, ConsumerConfig):
        return False
    return any(
        bool(getattr(found, field)) and not getattr(wanted, field) for field in ("filter_subject", "filter_subjects")
    )


def _plain(value: object) -> object:
    value = getattr(value, "value", value)
    return sorted(value) if isinstance(value, list) else value


def _merged(found: StreamConfig, wanted: StreamConfig) -> StreamConfig:
    """What is declared over what the broker has, so that an operator's other settings stay."""
    return replace(found, **{field: value for field, value in vars(wanted).items() if _declared(field, value)})
