"""Giving answers: from the cache while they are true or fresh enough, else computed, once however many ask."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from analytics_query.ports import AnswerCache, Documents, Position
from contracts.base import Model
from servicekit.clock import Clock

Compute = Callable[[datetime, Position], Awaitable[Model]]


class Answers:
    """Answers as JSON. The same question that is asked again while its answer is computed waits for that answer."""

    def __init__(self, cache: AnswerCache, documents: Documents, clock: Clock, stale_ms: int) -> None:
        self._cache = cache
        self._documents = documents
        self._clock = clock
        self._stale = timedelta(milliseconds=stale_ms)
        self._computing: dict[str, asyncio.Task[bytes]] = {}

    async def give(self, question: str, compute: Compute) -> bytes:
        """The answer to a question: what was computed at this position, or a moment ago, else a new one."""
        key = sha256(question.encode()).hexdigest()
        computing = self._computing.get(key)
        if computing is None:
            computing = self._computing[key] = asyncio.create_task(self._answer(key, compute))
            computing.add_done_callback(lambda _: self._computing.pop(key, None))
        # Who asked first may go away; the others still wait for the answer.
        return await asyncio.shield(computing)

    async def _answer(self, key: str, compute: Compute) -> bytes:
        kept = await self._cache.get(key)
        known: dict[str, Any] | None = orjson.loads(kept) if kept is not None else None
        now = self._clock.now()
        if known is not None and now - datetime.fromisoformat(known["standing"]["computed_at"]) <= self._stale:
            return _from_cache(known)
        position = await self._documents.position()
        if known is not None and known["standing"]["position"] == position.number:
            return _from_cache(known)
        answer = (await compute(now, position)).to_json()
        await self._cache.put(key, answer)
        return answer


def _from_cache(known: dict[str, Any]) -> bytes:
    known["standing"]["cached"] = True
    return orjson.dumps(known)
