"""Answers are computed once, kept while they are true or fresh enough, and given without a cache too."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from analytics_query.cache import RedisAnswers
from analytics_query.handlers.answering import Answers
from analytics_query.ports import Position
from contracts.analytics import DecisionAnalysis, Standing
from servicekit.cache import Cache

BEGIN = datetime(2026, 11, 18, 12, tzinfo=UTC)


class HandClock:
    def __init__(self) -> None:
        self.passed_s = 0.0

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.passed_s)

    def monotonic(self) -> float:
        return self.passed_s


class MemoryCache:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    async def put(self, key: str, answer: bytes) -> None:
        self.kept[key] = answer


class Projected:
    """The position, as the documents tell it, and how often something was computed."""

    def __init__(self) -> None:
        self.number = 1
        self.computed = 0
        self.begun = asyncio.Event()
        self.hold = asyncio.Event()
        self.hold.set()

    async def position(self) -> Position:
        return Position(self.number)

    async def compute(self, now: datetime, position: Position) -> DecisionAnalysis:
        self.computed += 1
        self.begun.set()
        await self.hold.wait()
        standing = Standing(position=position.number, computed_at=now)
        return DecisionAnalysis(since=BEGIN, until=now, time_range="last_hour", standing=standing)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def projected() -> Projected:
    return Projected()


@pytest.fixture
def answers(clock: HandClock, projected: Projected) -> Answers:
    documents: Any = projected
    return Answers(MemoryCache(), documents, clock, stale_ms=2_000)


def standing(answer: bytes) -> Standing:
    return DecisionAnalysis.model_validate_json(answer).standing


async def test_the_same_position_gives_the_same_answer(
    answers: Answers, projected: Projected, clock: HandClock
) -> None:
    first = standing(await answers.give("q", projected.compute))
    clock.passed_s = 50
    again = standing(await answers.give("q", projected.compute))
    assert (first.cached, again.cached, projected.computed) == (False, True, 1)
    assert again.computed_at == first.computed_at


async def test_a_moved_position_is_not_seen_for_a_moment(
    answers: Answers, projected: Projected, clock: HandClock
) -> None:
    await answers.give("q", projected.compute)
    projected.number = 2
    clock.passed_s = 1.9
    assert standing(await answers.give("q", projected.compute)).position == 1
    clock.passed_s = 2.1
    assert standing(await answers.give("q", projected.compute)) == Standing(position=2, computed_at=clock.now())


async def test_other_questions_have_other_answers(answers: Answers, projected: Projected) -> None:
    await answers.give("q", projected.compute)
    await answers.give("r", projected.compute)
    assert projected.computed == 2


async def test_a_stampede_computes_once_though_the_first_goes_away(answers: Answers, projected: Projected) -> None:
    projected.hold.clear()
    asking = [asyncio.create_task(answers.give("q", projected.compute)) for _ in range(50)]
    await projected.begun.wait()
    asking[0].cancel()
    projected.hold.set()
    given = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(given[0], asyncio.CancelledError)
    assert len({bytes(one) for one in given[1:] if isinstance(one, bytes)}) == 1
    assert projected.computed == 1


async def test_a_failure_is_told_and_not_kept(answers: Answers, projected: Projected) -> None:
    async def fail(_now: datetime, _position: Position) -> DecisionAnalysis:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await answers.give("q", fail)
    assert not standing(await answers.give("q", projected.compute)).cached


async def test_without_redis_there_is_no_answer_kept_and_no_error(clock: HandClock) -> None:
    # Nothing listens on port 1.
    cache = Cache(Redis(host="127.0.0.1", port=1))
    answers = RedisAnswers(cache, clock, ttl_ms=60_000)
    await answers.put("q", b"{}")
    assert await answers.get("q") is None
    await cache.close()
