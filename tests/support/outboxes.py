"""An outbox that a test fills, and what of it has reached the broker."""

from typing import Any

import orjson

from contracts.streams import EVENTS
from servicekit.bus import Bus
from servicekit.outbox import append
from servicekit.pg import Database as Pg

QUEUED, ASSIGNED, ASKED = "event.task.queued", "event.task.assigned", "event.question.asked"


def said(*numbers: int) -> list[bytes]:
    return [b'{"n":%d}' % number for number in numbers]


async def say(db: Pg, subject: str, *numbers: int) -> None:
    async with db.transaction() as connection:
        await append(connection, subject, said(*numbers))


async def stored(bus: Bus, stream: str = EVENTS) -> list[tuple[str, dict[str, Any]]]:
    """Subject and body of each message in the stream, in order."""
    state = (await bus.js.stream_info(stream)).state
    messages = [await bus.js.get_msg(stream, seq=n) for n in range(state.first_seq, state.last_seq + 1)]
    for message in messages:
        body = orjson.loads(message.data or b"")
        assert (message.headers or {})["Nats-Msg-Id"] == f"{body['producer']}.{body['batch']}"
    return [(message.subject or "", orjson.loads(message.data or b"")) for message in messages]


async def numbers(bus: Bus) -> list[int]:
    return [event["n"] for _, body in await stored(bus) for event in body["events"]]


async def is_empty(db: Pg) -> bool:
    return await db.pool.fetchval("SELECT NOT EXISTS (SELECT FROM outbox) AND NOT EXISTS (SELECT FROM outbox_sealed)")


async def one_is_left(db: Pg) -> bool:
    return await db.pool.fetchval("SELECT NOT EXISTS (SELECT FROM outbox) AND (SELECT count(*) = 1 FROM outbox_sealed)")
