"""Answers that were given lately, in Redis. They may be lost at any time."""

import asyncio

from redis.exceptions import RedisError

from servicekit.cache import Cache
from servicekit.clock import Clock
from servicekit.logs import get_logger
from servicekit.metrics import REDIS_FAILURES

PREFIX = "mews:analytics:answer:"
TIMEOUT_S = 0.1
"""How long an answer may take to come: longer, and it is sooner computed."""
AWAY_S = 5.0
"""For how long Redis is not asked again after it did not answer."""

log = get_logger(__name__)


class RedisAnswers:
    """Answers in Redis; while it is away, there are none."""

    def __init__(self, cache: Cache, clock: Clock, ttl_ms: int) -> None:
        self._client = cache.client
        self._clock = clock
        self._ttl_ms = ttl_ms
        self._away_until = 0.0

    async def get(self, key: str) -> bytes | None:
        """What was kept under a key."""
        if self._is_away():
            return None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return _as_bytes(await self._client.get(PREFIX + key))
        except (RedisError, OSError, TimeoutError) as error:
            self._was_away(error)
            return None

    async def put(self, key: str, answer: bytes) -> None:
        """Keep an answer for a while."""
        if self._is_away() or not self._ttl_ms:
            return
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._client.set(PREFIX + key, answer, px=self._ttl_ms)
        except (RedisError, OSError, TimeoutError) as error:
            self._was_away(error)

    def _is_away(self) -> bool:
        return self._clock.monotonic() < self._away_until

    def _was_away(self, error: Exception) -> None:
        self._away_until = self._clock.monotonic() + AWAY_S
        REDIS_FAILURES.inc()
        log.warning("the cache does not answer", error=repr(error))


def _as_bytes(kept: bytes | str | None) -> bytes | None:
    return kept.encode() if isinstance(kept, str) else kept
