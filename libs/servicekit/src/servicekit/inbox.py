"""The inbox: which batches a consumer has applied, recorded in the transaction that applies them."""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import compress
from typing import Any, TypeVar

import asyncpg

from contracts import subjects
from contracts.batches import Batch
from servicekit.bus.received import Received
from servicekit.ddl import Operations, execute_all
from servicekit.marks import Marks
from servicekit.pg import Connection

ItemT = TypeVar("ItemT")

INBOX_DDL = (
    """
    CREATE TABLE applied_batches (
        consumer text NOT NULL,
        producer text NOT NULL,
        low bigint NOT NULL DEFAULT 0,
        above bigint[] NOT NULL DEFAULT '{}',
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (consumer, producer)
    ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000)
    """,
    """COMMENT ON COLUMN applied_batches.above IS 'first and last of each range of applied numbers above low'""",
)
# Locks in one order whoever comes, and makes the rows that are missing, in one statement.
LOCK = """
    INSERT INTO applied_batches AS b (consumer, producer)
    SELECT $1, producer FROM unnest($2::text[]) WITH ORDINALITY AS wanted (producer, place) ORDER BY place
    ON CONFLICT (consumer, producer) DO UPDATE SET low = b.low
    RETURNING producer, low, above
"""
SAVE = """
    UPDATE applied_batches AS b SET low = new.low, above = new.above::bigint[], updated_at = clock_timestamp()
    FROM unnest($2::text[], $3::bigint[], $4::text[]) AS new (producer, low, above)
    WHERE b.consumer = $1 AND b.producer = new.producer
"""


async def claim(
    connection: Connection, consumer: str, received: Sequence[Received[Batch[ItemT]]]
) -> list[Received[Batch[ItemT]]]:
    """Those of the batches that this consumer has not applied yet, in order; from now on they count as applied.

    Call it in the transaction that applies them. Who claims batches of the same producer meanwhile waits for its end.
    """
    if not received:
        return []
    by_producer = _by_producer(received)
    marks = await _locked(connection, consumer, sorted(by_producer))
    changed: dict[str, Marks] = {}
    fresh: set[int] = set()
    for producer, places in by_producer.items():
        claimed, is_fresh = marks[producer].claim_all([received[place].batch.batch for place in places])
        if any(is_fresh):
            changed[producer] = claimed
            fresh.update(compress(places, is_fresh))
    if changed:
        await _save(connection, consumer, changed)
    return [one for place, one in enumerate(received) if place in fresh]


def create_inbox(op: Operations) -> None:
    """Make the table, in an Alembic migration."""
    execute_all(op, INBOX_DDL)


@lru_cache(maxsize=8_192)
def producer_name(subject: str, producer: str) -> str:
    """The name under which the batches of a producer on a subject are marked.

    A producer is known by its sender's name too: a worker that uses another's producer id disturbs nobody but itself.
    """
    sender = subjects.sender(subject)
    return producer if sender is None else f"{sender}/{producer}"


def _by_producer(received: Sequence[Received[Batch[Any]]]) -> dict[str, list[int]]:
    """The places of each producer's batches."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(received):
        places[producer_name(one.message.subject, one.batch.producer)].append(place)
    return places


async def _locked(connection: Connection, consumer: str, keys: list[str]) -> dict[str, Marks]:
    rows: list[asyncpg.Record] = await connection.fetch(LOCK, consumer, keys)
    return {row["producer"]: Marks(row["low"], tuple(row["above"])) for row in rows}


async def _save(connection: Connection, consumer: str, changed: dict[str, Marks]) -> None:
    lows = [marks.low for marks in changed.values()]
    aboves = ["{" + ",".join(map(str, marks.above)) + "}" for marks in changed.values()]
    await connection.execute(SAVE, consumer, list(changed), lows, aboves)
