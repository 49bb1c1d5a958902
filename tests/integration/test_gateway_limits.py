"""Limits of callers, shared by replicas in a real Redis, and of addresses that show wrong credentials."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from mcp_gateway.cache import PREFIX, RedisBuckets
from mcp_gateway.decisions.limiting import Rate
from mcp_gateway.errors import SharedStateAway
from servicekit.cache import Cache
from servicekit.settings import ServiceSettings
from tests.support.callers import McpCaller, bearer, token_mode, token_of
from tests.support.gateway import gateway
from tests.support.stack import TestRedis
from tests.support.upstreams import World, upstreams

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Within a test hardly anything comes back of itself.
PATIENT = {"rate_limit_answers_within_ms": 60_000, "redis_timeout_ms": 60_000}
RATES = {"rate_limit_reads_per_minute": 1, "rate_limit_writes_per_minute": 1}
BURSTS = {"rate_limit_reads_burst": 3, "rate_limit_writes_burst": 2, "auth_failures_burst": 2}


@dataclass(frozen=True)
class Replicas:
    """Two gateways that share a Redis."""

    http: httpx.AsyncClient
    urls: tuple[str, str]

    def caller(self, role: str, replica: int = 0) -> McpCaller:
        return McpCaller(self.http, self.urls[replica], token_of(role))


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestRedis]:
    server = TestRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def buckets(redis: TestRedis) -> AsyncGenerator[RedisBuckets]:
    async with buckets_in(redis) as made:
        yield made


@asynccontextmanager
async def buckets_in(redis: TestRedis) -> AsyncGenerator[RedisBuckets]:
    cache = Cache.connect(ServiceSettings(redis_host=redis.host, redis_port=redis.port, redis_timeout_ms=60_000))
    yield RedisBuckets(cache, 60.0)
    await cache.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replicas(redis: TestRedis) -> AsyncGenerator[Replicas]:
    async with sharing(redis) as made:
        yield made


@asynccontextmanager
async def sharing(redis: TestRedis) -> AsyncGenerator[Replicas]:
    where = {"redis_host": redis.host, "redis_port": redis.port}
    settings = token_mode(**where, **PATIENT, **RATES, **BURSTS)
    async with AsyncExitStack() as stack:
        addresses = await stack.enter_async_context(upstreams(World()))
        urls = [await stack.enter_async_context(gateway(addresses, **settings)) for _ in range(2)]
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
        yield Replicas(http, (urls[0], urls[1]))


async def test_a_bucket_in_redis_does_as_the_arithmetic_says(buckets: RedisBuckets, redis: TestRedis) -> None:
    rate = Rate(per_minute=1, burst=3)
    of_others = set(await _lives_ms(redis))
    answers = sorted(await asyncio.gather(*(buckets.take("alice", rate, 1) for _ in range(10))))
    assert answers[7:] == [(1, 0)] * 3
    assert all(granted == 0 and 0 < wait_s <= 60 for granted, wait_s in answers[:7])
    assert await buckets.take("bob", rate, 2) == (2, 0)
    assert await buckets.take("bob", rate, 2) == (1, 0)
    kept = {name: life for name, life in (await _lives_ms(redis)).items() if name not in of_others}
    assert len(kept) == 2
    assert not any("alice" in name for name in kept)
    # A bucket that is full again is not kept.
    assert all(0 < life <= 180_001 for life in kept.values())


async def _lives_ms(redis: TestRedis) -> dict[str, int]:
    """How long each bucket is kept."""
    cache = Cache.connect(ServiceSettings(redis_host=redis.host, redis_port=redis.port))
    try:
        return {name.decode(): await cache.client.pttl(name) async for name in cache.client.scan_iter(f"{PREFIX}*")}
    finally:
        await cache.close()


async def test_replicas_count_together_and_reads_apart_from_writes(replicas: Replicas) -> None:
    answers = [await replicas.caller("operator", number % 2).call("list_tasks") for number in range(4)]
    assert [answer.code for answer in answers] == ["ok", "ok", "ok", "rate_limited"]
    refused = answers[-1].result
    assert "operator may do 1 reads a minute and 3 at once; try again in" in refused["content"][0]["text"]
    assert 0 < refused["_meta"]["mews/retry_after_ms"] <= 60_000
    assert (await replicas.caller("operator").tell("tools/list")).code == "rate_limited"
    assert (await replicas.caller("operator").call("manage_workers", action="list")).code == "rate_limited"
    writes = [(await replicas.caller("operator").call("cancel_task", task_id="t")).code for _ in range(3)]
    assert writes == ["not_found", "not_found", "rate_limited"]
    assert (await replicas.caller("viewer").call("list_tasks")).code == "ok"


async def test_over_http_the_wait_is_in_a_header(replicas: Replicas) -> None:
    url = f"{replicas.urls[0].removesuffix('/mcp')}/v1/keys"
    answers = [await replicas.http.post(url, headers=bearer(token_of("admin")), json={}) for _ in range(3)]
    # Two that are wrong, and count all the same.
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].json()["code"] == "rate_limited"
    metrics = (await replicas.http.get(f"{replicas.urls[0].removesuffix('/mcp')}/metrics")).text
    assert 'mews_rate_limited_total{effect="write"}' in metrics


async def test_wrong_credentials_are_counted_by_address_and_known_ones_pass(replicas: Replicas) -> None:
    stranger = McpCaller(replicas.http, replicas.urls[1], "guess")
    answers = [await stranger.tell("ping") for _ in range(3)]
    assert [answer.status for answer in answers] == [401, 401, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert (await McpCaller(replicas.http, replicas.urls[1], None).tell("ping")).status == 401
    assert (await replicas.caller("admin", 1).tell("tools/list")).status == 200


async def test_without_redis_each_replica_counts_for_itself(tmp_path: Path) -> None:
    lost = TestRedis(tmp_path)
    lost.start()
    async with sharing(lost) as replicas:
        await asyncio.to_thread(lost.stop)
        for replica in (0, 1):
            codes = [(await replicas.caller("viewer", replica).call("list_tasks")).code for _ in range(4)]
            assert codes == ["ok", "ok", "ok", "rate_limited"]


async def test_a_redis_that_does_not_answer_is_away(tmp_path: Path) -> None:
    lost = TestRedis(tmp_path)
    lost.start()
    async with buckets_in(lost) as buckets:
        await asyncio.to_thread(lost.stop)
        with pytest.raises(SharedStateAway):
            await buckets.take("carol", Rate(60, 1), 1)
        await asyncio.to_thread(lost.start)
        assert await buckets.take("carol", Rate(60, 1), 1) == (1, 0)
    await asyncio.to_thread(lost.stop)
