"""Sealing: rows of the outbox become numbered batches, never to be cut anew."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import asyncpg
import orjson

from contracts import subjects
from contracts.batches import MAX_BATCH
from servicekit.pg import Connection

TAKE = """
    DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT $1)
    RETURNING id, subject, items, payload, headers, created_at
"""
NUMBER = """
    INSERT INTO outbox_producer AS p (producer, last)
    SELECT producer, many FROM unnest($1::text[], $2::bigint[]) AS new (producer, many) ORDER BY producer
    ON CONFLICT (producer) DO UPDATE SET last = p.last + excluded.last RETURNING producer, last
"""
SEAL = """
    INSERT INTO outbox_sealed (message_id, subject, payload, headers, created_at)
    SELECT message_id, subject, payload, headers, created_at
    FROM unnest($1::text[], $2::text[], $3::bytea[], $4::jsonb[], $5::timestamptz[])
    WITH ORDINALITY AS new (message_id, subject, payload, headers, created_at, place) ORDER BY place
"""
TAKE_ROWS = 2_000
# Well below the megabyte that a NATS server takes unless it is told otherwise.
MAX_BATCH_BYTES = 512 * 1024


class Sealed(NamedTuple):
    """A batch that is numbered for good."""

    message_id: str
    subject: str
    payload: bytes
    headers: dict[str, str]


async def seal(connection: Connection, producer: str) -> list[Sealed]:
    """Turn the oldest rows into numbered batches, in the caller's transaction; neighbours of one subject share one."""
    rows = sorted(await connection.fetch(TAKE, TAKE_ROWS), key=_row_id)
    if not rows:
        return []
    groups = list(_groups(rows))
    names = [f"{producer}.{subjects.lane(group[0]['subject'])}" for group in groups]
    numbers = await _numbers(connection, names)
    batches = [_sealed(group, name, number) for group, name, number in zip(groups, names, numbers, strict=True)]
    columns = list(zip(*batches, strict=True))
    created = [group[0]["created_at"] for group in groups]
    await connection.execute(SEAL, *map(list, columns), created)
    return batches


def _row_id(row: asyncpg.Record) -> int:
    return row["id"]


def _groups(rows: Sequence[asyncpg.Record]) -> Iterable[list[asyncpg.Record]]:
    """Neighbours of one subject that fit into one batch; the order of all rows stays as it is."""
    group: list[asyncpg.Record] = []
    items = size = 0
    for row in rows:
        items, size = items + row["items"], size + len(row["payload"])
        if group and (row["subject"] != group[0]["subject"] or items > MAX_BATCH or size > MAX_BATCH_BYTES):
            yield group
            group, items, size = [], row["items"], len(row["payload"])
        group.append(row)
    yield group


async def _numbers(connection: Connection, names: list[str]) -> list[int]:
    """The next number of each name in the list, which may hold a name more than once."""
    counts = Counter(names)
    last = dict(await connection.fetch(NUMBER, list(counts), list(counts.values())))
    taken: Counter[str] = Counter()
    numbers: list[int] = []
    for name in names:
        taken[name] += 1
        numbers.append(last[name] - counts[name] + taken[name])
    return numbers


def _sealed(group: Sequence[asyncpg.Record], name: str, number: int) -> Sealed:
    events = b",".join(row["payload"] for row in group)
    payload = b'{"producer":%b,"batch":%d,"events":[%b]}' % (orjson.dumps(name), number, events)
    return Sealed(f"{name}.{number}", group[0]["subject"], payload, _common(group))


def _common(group: Sequence[asyncpg.Record]) -> dict[str, str]:
    """The headers that all rows have: a batch of several traces belongs to none of them."""
    headers: dict[str, str] = group[0]["headers"]
    if not headers or all(row["headers"] == headers for row in group):
        return headers
    return {name: value for name, value in headers.items() if all(row["headers"].get(name) == value for row in group)}
