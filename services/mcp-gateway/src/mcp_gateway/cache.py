"""Buckets in Redis, which all replicas share."""

import asyncio
import hashlib

from redis.exceptions import NoScriptError, RedisError

from mcp_gateway.decisions.limiting import Rate
from mcp_gateway.errors import SharedStateAway
from servicekit.cache import Cache
from servicekit.metrics import REDIS_FAILURES

# The same as decisions/limiting.py, by the server's clock; times in ms.
TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local interval, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local begins = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = begins - now - (burst - 1) * interval
if wait > 0.001 then
    return {0, math.ceil(wait)}
end
local granted = math.min(wanted, 1 + math.floor((0.001 - wait) / interval))
local ends = begins + granted * interval
redis.call('SET', KEYS[1], string.format('%.3f', ends), 'PX', math.ceil(ends - now) + 1)
return {granted, 0}
"""
DIGEST = hashlib.sha1(TAKE.encode(), usedforsecurity=False).hexdigest()
PREFIX = "mews:gateway:bucket:"


class RedisBuckets:
    """One bucket a key; a full one is not there."""

    def __init__(self, cache: Cache, answers_within_s: float) -> None:
        self._client = cache.client
        self._answers_within_s = answers_within_s

    async def take(self, key: str, rate: Rate, wanted: int) -> tuple[int, float]:
        """Take at most so many in one round trip: how many, and where none, how long to wait in s.

        Raises SharedStateAway.
        """
        # Names of callers may be long, and are nobody's business here.
        name = PREFIX + hashlib.sha256(key.encode()).hexdigest()[:32]
        arguments = (name, f"{rate.interval_s * 1000:.6f}", str(rate.burst), str(wanted))
        try:
            async with asyncio.timeout(self._answers_within_s):
                granted, wait_ms = await self._run(arguments)
                return granted, wait_ms / 1000
        except (RedisError, OSError) as error:
            REDIS_FAILURES.inc()
            raise SharedStateAway(repr(error)) from error

    async def _run(self, arguments: tuple[str, ...]) -> list[int]:
        try:
            return await self._client.evalsha(DIGEST, 1, *arguments)
        except NoScriptError:
            return await self._client.eval(TAKE, 1, *arguments)
