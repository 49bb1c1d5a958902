"""The live tail: a capped Redis stream for each task."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

import orjson
from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.telemetry import TailEntry
from servicekit.cache import is_away
from servicekit.logs import get_logger
from telemetry_ingest.decisions.filtering import passes
from telemetry_ingest.decisions.telling import told
from telemetry_ingest.domain import EventFilter, Recorded

# Entries written as one item of the Redis stream: most of the cost of XADD is per call, and the cap counts items.
CHUNK = 25
ENTRIES = TypeAdapter(list[TailEntry])
FIELD = b"entries"

log = get_logger(__name__)


class RedisTail:
    """The tails of all tasks. Redis being away costs speed alone: writes are skipped, reads find nothing."""

    def __init__(self, redis: Redis, *, items: int, ttl_s: int) -> None:
        self._redis = redis
        self._items = items
        self._ttl_s = ttl_s

    async def push(self, recorded: Sequence[Recorded]) -> None:
        """Add the entries of what was recorded."""
        pipeline = self._redis.pipeline(transaction=False)
        for task_id, entries in _by_task(recorded).items():
            for start in range(0, len(entries), CHUNK):
                item = {FIELD: orjson.dumps(entries[start : start + CHUNK])}
                pipeline.xadd(_key(task_id), item, maxlen=self._items, approximate=True)  # pyright: ignore[reportArgumentType]
            pipeline.expire(_key(task_id), self._ttl_s)
        try:
            await pipeline.execute()
        except RedisError as error:
            if not is_away(error):
                raise
            log.warning("tail.skipped", entries=len(recorded), error=str(error))

    async def last(self, wanted: EventFilter, limit: int) -> list[TailEntry]:
        """The last entries that are wanted, oldest first; empty when Redis is away."""
        try:
            items: Any = await self._redis.xrevrange(_key(wanted.task_id or ""), count=self._items)
        except RedisError as error:
            if not is_away(error):
                raise
            log.warning("tail.unread", task_id=wanted.task_id, error=str(error))
            return []
        entries = [entry for _, item in reversed(items) for entry in _entries(item) if passes(entry, wanted)]
        return entries[-limit:]

    async def follow(
        self, wanted: EventFilter, after: str, wait_ms: int
    ) -> AsyncGenerator[tuple[str, list[TailEntry]]]:
        """Items beyond the stream id `after` (`$`: new ones) as (id, entries); no entries each `wait_ms` of silence."""
        position = await self._newest(wanted) if after == "$" else after
        while True:
            found: Any = await self._redis.xread({_key(wanted.task_id or ""): position}, count=100, block=wait_ms)
            items = _items_of(found)
            for item_id, item in items:
                position = item_id.decode()
                yield position, [entry for entry in _entries(item) if passes(entry, wanted)]
            if not items:
                yield position, []

    async def _newest(self, wanted: EventFilter) -> str:
        newest: Any = await self._redis.xrevrange(_key(wanted.task_id or ""), count=1)
        return newest[0][0].decode() if newest else "0-0"


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
