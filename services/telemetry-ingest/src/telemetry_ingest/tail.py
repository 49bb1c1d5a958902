"""The live tail: a capped Redis stream for each task."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Collection, Iterable, Sequence
from typing import Any

import orjson
from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.telemetry import TailEntry
from servicekit.cache import is_away
from servicekit.clock import Clock
from servicekit.logs import get_logger
from servicekit.metrics import REDIS_FAILURES
from telemetry_ingest.decisions.filtering import passes
from telemetry_ingest.decisions.telling import told
from telemetry_ingest.domain import EventFilter, Recorded

# Entries written as one item of the Redis stream: most of the cost of XADD is per call, and the cap counts items.
CHUNK = 25
ENTRIES = TypeAdapter(list[TailEntry])
FIELD = b"entries"
READ_ITEMS = 50
# How long Redis is left alone after it did not answer.
REST_S = 2.0

log = get_logger(__name__)


class RedisTail:
    """The tails of all tasks. Redis being away costs speed alone: writes are skipped, and reads find nothing.

    A tail that misses something is dropped before anything is added to it again, so that it never has a gap.
    """

    def __init__(self, redis: Redis, *, items: int, ttl_s: int, clock: Clock) -> None:
        self._redis = redis
        self._items = items
        self._ttl_s = ttl_s
        self._clock = clock
        self._away_until = float("-inf")
        self._gaps: set[str] = set()

    async def push(self, recorded: Sequence[Recorded]) -> None:
        """Add the entries of what was recorded."""
        tails = _by_task(recorded)
        if not tails:
            return
        if self._clock.monotonic() < self._away_until or not await self._write(tails):
            self._gaps |= tails.keys()

    async def forget(self, task_ids: Collection[str]) -> None:
        """Drop the tails of these tasks; until that is done, they count as having a gap."""
        self._gaps |= set(task_ids)
        if not task_ids or self._clock.monotonic() < self._away_until:
            return
        if await self._or_away(self._redis.delete(*map(_key, task_ids))) is not None:
            self._gaps -= set(task_ids)

    async def last(self, wanted: EventFilter, limit: int) -> list[TailEntry]:
        """The last entries that are wanted, oldest first; empty when Redis is away or the tail has a gap."""
        if wanted.task_id in self._gaps or self._clock.monotonic() < self._away_until:
            return []
        found: list[TailEntry] = []
        async for entry in self._backwards(wanted.task_id or ""):
            if passes(entry, wanted):
                found.append(entry)
            if len(found) == limit:
                break
        return found[::-1]

    async def follow(
        self, wanted: EventFilter, after: str, wait_ms: int
    ) -> AsyncGenerator[tuple[str, list[TailEntry]]]:
        """Items beyond the stream id `after` (`$`: new ones) as (id, entries); no entries each `wait_ms` of silence."""
        position = await self._newest(wanted) if after == "$" else after
        while True:
            items = await self._beyond(wanted.task_id or "", position, wait_ms)
            for item_id, item in items:
                position = item_id.decode()
                yield position, [entry for entry in _entries(item) if passes(entry, wanted)]
            if not items:
                yield position, []

    async def _write(self, tails: dict[str, list[dict[str, Any]]]) -> bool:
        pipeline = self._redis.pipeline(transaction=False)
        for task_id, entries in tails.items():
            if task_id in self._gaps:
                pipeline.delete(_key(task_id))
            for start in range(0, len(entries), CHUNK):
                item = {FIELD: orjson.dumps(entries[start : start + CHUNK])}
                pipeline.xadd(_key(task_id), item, maxlen=self._items, approximate=True)  # pyright: ignore[reportArgumentType]
            pipeline.expire(_key(task_id), self._ttl_s)
        if not await self._or_away(pipeline.execute()):
            return False
        self._gaps -= tails.keys()
        return True

    async def _backwards(self, task_id: str) -> AsyncGenerator[TailEntry]:
        end = "+"
        while items := await self._or_away(self._redis.xrevrange(_key(task_id), end, "-", count=READ_ITEMS)):
            for item_id, item in items:
                for entry in reversed(_entries(item)):
                    yield entry
                end = f"({item_id.decode()}"

    async def _beyond(self, task_id: str, position: str, wait_ms: int) -> list[tuple[bytes, dict[bytes, bytes]]]:
        found = await self._or_away(self._redis.xread({_key(task_id): position}, count=READ_ITEMS, block=wait_ms))
        if found is None:
            await asyncio.sleep(wait_ms / 1000)
        return _items_of(found)

    async def _newest(self, wanted: EventFilter) -> str:
        newest = await self._or_away(self._redis.xrevrange(_key(wanted.task_id or ""), count=1))
        return newest[0][0].decode() if newest else "0-0"

    async def _or_away(self, asked: Awaitable[Any]) -> Any:
        """The answer; None when Redis is away, which is then left alone for a while, since each try costs a timeout."""
        try:
            return await asked
        except RedisError as error:
            if not is_away(error):
                raise
            self._away_until = self._clock.monotonic() + REST_S
            REDIS_FAILURES.inc()
            log.warning("tail.away", error=str(error), rest_s=REST_S)
            return None


def _key(task_id: str) -> str:
    return f"tail:{task_id}"


def _by_task(recorded: Iterable[Recorded]) -> dict[str, list[dict[str, Any]]]:
    tails: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in recorded:
        if item.event.task_id is not None:
            tails[item.event.task_id].append(told(item.event, stale=item.stale))
    return tails


def _entries(item: dict[bytes, bytes]) -> list[TailEntry]:
    return ENTRIES.validate_json(item[FIELD])


def _items_of(found: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    # RESP3 gives a mapping of keys to one list of items each, RESP2 a list of pairs.
    if not found:
        return []
    return next(iter(found.values()))[0] if hasattr(found, "values") else found[0][1]
