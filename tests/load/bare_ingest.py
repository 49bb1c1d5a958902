"""The raw loop beside which telemetry-ingest is measured: fetch, validate, COPY, tail, acknowledge, nothing else."""

import asyncio
import os
import signal
from datetime import UTC, datetime

import asyncpg
import nats
import nats.errors
import orjson
import uvloop
from redis.asyncio import Redis

from contracts.batches import EVENT_BATCH
from contracts.streams import TELEMETRY

FETCH = 50
WAIT_S = 0.5
TAIL = 1_000
COLUMNS = (
    *("event_id", "day", "kind", "stream_type", "worker_id", "task_id", "attempt", "seq"),
    *("occurred_at", "recorded_at", "evidence", "stale", "body"),
)


async def run() -> None:
    """Consume until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    bus = await nats.connect(f"nats://{os.environ['NATS_HOST']}:{os.environ['NATS_PORT']}")
    pull = await bus.jetstream().pull_subscribe_bind("bare", TELEMETRY)
    connection = await asyncpg.connect(os.environ["BARE_DSN"])
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=lambda text: b"\x01" + text, decoder=bytes
    )
    redis = Redis(host=os.environ["REDIS_HOST"], port=int(os.environ["REDIS_PORT"]))
    while not stop.is_set():
        try:
            messages = await pull.fetch(FETCH, timeout=WAIT_S)
        except (nats.errors.TimeoutError, TimeoutError):
            continue
        await _apply(connection, redis, [EVENT_BATCH.validate_json(message.data) for message in messages])
        for message in messages:
            await message.ack()
    await bus.close()
    await connection.close()
    await redis.aclose()


async def _apply(connection: asyncpg.Connection, redis: Redis, batches: list[object]) -> None:
    now = datetime.now(UTC)  # noqa: TID251
    events = [event for batch in batches for event in batch.events]  # type: ignore[attr-defined]
    rows = [_row(event, now) for event in events]
    await connection.copy_records_to_table("bare_events", records=rows, columns=COLUMNS)
    pipeline = redis.pipeline(transaction=False)
    tails: dict[str, list[bytes]] = {}
    for event in events:
        line = {"kind": event.kind, "content": event.body.content, "at": event.occurred_at}
        tails.setdefault(event.task_id, []).append(orjson.dumps(line))
    for task, lines in tails.items():
        pipeline.lpush(f"bare:{task}", *lines)
        pipeline.ltrim(f"bare:{task}", 0, TAIL)
    await pipeline.execute()


def _row(event: object, now: datetime) -> tuple[object, ...]:
    return (
        event.event_id,  # type: ignore[attr-defined]
        now.date(),
        event.kind,  # type: ignore[attr-defined]
        event.body.stream_type.value,  # type: ignore[attr-defined]
        event.worker_id,  # type: ignore[attr-defined]
        event.task_id,  # type: ignore[attr-defined]
        event.attempt,  # type: ignore[attr-defined]
        event.seq,  # type: ignore[attr-defined]
        event.occurred_at,  # type: ignore[attr-defined]
        now,
        event.evidence.value,  # type: ignore[attr-defined]
        False,
        event.body.to_json(),  # type: ignore[attr-defined]
    )


if __name__ == "__main__":
    uvloop.run(run())
