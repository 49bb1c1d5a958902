"""Limits: the arithmetic of buckets, and what happens while the shared ones are away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.access import Role
from mcp_gateway.decisions.limiting import Rate, take
from mcp_gateway.domain.needs import Effect
from mcp_gateway.domain.principals import Kind, Principal
from mcp_gateway.errors import SharedStateAway, TooManyRequests
from mcp_gateway.handlers.limiting import AHEAD_S, LocalBuckets, SharedLimits
from tests.support.fakes import FakeClock

RATE = Rate(per_minute=60, burst=3)
ALICE, BOB = (Principal(name, Role.operator, Kind.key) for name in ("alice", "bob"))


class Buckets:
    """Shared buckets that may be away."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self.away = False
        self.asked = 0

    async def take(self, key: str, rate: Rate, wanted: int) -> tuple[int, float]:
        self.asked += 1
        if self.away:
            raise SharedStateAway("away")
        taken = take(self._until.get(key, 0.0), self._clock.monotonic(), rate, wanted)
        self._until[key] = taken.until
        return taken.granted, taken.wait_s


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def shared(clock: FakeClock) -> Buckets:
    return Buckets(clock)


@pytest.fixture
def limited() -> list[Effect]:
    return []


@pytest.fixture
def limits(clock: FakeClock, shared: Buckets, limited: list[Effect]) -> SharedLimits:
    rates = {Effect.read: RATE, Effect.write: Rate(per_minute=60, burst=1)}
    return SharedLimits(shared, rates, clock.monotonic, limited.append)


def test_a_burst_is_allowed_and_then_one_in_each_interval() -> None:
    until, now = 0.0, 1_000.0
    for _ in range(3):
        taken = take(until, now, RATE)
        assert taken.wait_s == 0
        until = taken.until
    assert take(until, now, RATE).wait_s == pytest.approx(1.0)
    assert take(until, now + 0.4, RATE).wait_s == pytest.approx(0.6)
    assert take(until, now + 1.0, RATE).wait_s == 0


@given(
    st.lists(st.floats(min_value=0, max_value=5), max_size=200),
    st.integers(min_value=1, max_value=6_000),
    st.integers(min_value=1, max_value=50),
)
def test_never_more_than_the_burst_and_the_rate_allow(gaps: list[float], per_minute: int, burst: int) -> None:
    rate, until, now, allowed = Rate(per_minute, burst), 0.0, 1_000.0, 0
    for gap in gaps:
        now += gap
        taken = take(until, now, rate)
        until = taken.until
        allowed += taken.wait_s == 0
        assert 0 <= taken.wait_s <= rate.interval_s + 1e-6
    assert allowed <= burst + (now - 1_000.0) / rate.interval_s + 1e-3


def test_buckets_are_bounded_and_full_ones_go_first(clock: FakeClock) -> None:
    buckets = LocalBuckets(clock.monotonic, most=3)
    buckets.take("old", RATE)
    clock.advance(60)
    for key in ("a", "a", "a", "b", "c", "d"):
        buckets.take(key, RATE)
    assert buckets.look("a", RATE) > 0, "the bucket that is empty was kept"
    assert len(buckets._until) == 3  # pyright: ignore[reportPrivateUsage]


async def test_reads_and_writes_are_counted_apart_and_callers_too(limits: SharedLimits, limited: list[Effect]) -> None:
    await limits.take(ALICE, Effect.write)
    with pytest.raises(TooManyRequests) as caught:
        await limits.take(ALICE, Effect.write)
    assert caught.value.retry_after_s == 1
    assert "alice may do 60 writes a minute and 1 at once; try again in 1 s" in caught.value.detail
    await limits.take(ALICE, Effect.read)
    await limits.take(BOB, Effect.write)
    assert limited == [Effect.write]


async def test_who_has_to_wait_is_told_again_without_asking(
    limits: SharedLimits, shared: Buckets, clock: FakeClock
) -> None:
    await limits.take(ALICE, Effect.write)
    for _ in range(10):
        with pytest.raises(TooManyRequests):
            await limits.take(ALICE, Effect.write)
    assert shared.asked == 2
    clock.advance(1)
    await limits.take(ALICE, Effect.write)


async def test_while_the_shared_buckets_are_away_the_own_ones_count(
    limits: SharedLimits, shared: Buckets, clock: FakeClock
) -> None:
    shared.away = True
    for _ in range(3):
        await limits.take(ALICE, Effect.read)
    with pytest.raises(TooManyRequests):
        await limits.take(ALICE, Effect.read)
    assert shared.asked == 1, "each request would have waited for an answer"
    clock.advance(1)
    shared.away = False
    await limits.take(ALICE, Effect.read)
    assert shared.asked == 2


async def test_who_comes_often_asks_seldom_and_is_allowed_no_more(clock: FakeClock, shared: Buckets) -> None:
    rate = Rate(per_minute=60, burst=200)
    limits = SharedLimits(shared, dict.fromkeys(Effect, rate), clock.monotonic, lambda _: None)
    allowed = 0
    for _ in range(300):
        try:
            await limits.take(ALICE, Effect.write)
            allowed += 1
        except TooManyRequests:
            break
    assert allowed == 200
    assert shared.asked < 20


async def test_what_was_taken_ahead_is_lost_soon(clock: FakeClock, shared: Buckets) -> None:
    rate = Rate(per_minute=1, burst=20)
    limits = SharedLimits(shared, dict.fromkeys(Effect, rate), clock.monotonic, lambda _: None)
    for _ in range(2):
        await limits.take(ALICE, Effect.write)
    assert shared.asked == 2, "the second took one ahead"
    clock.advance(AHEAD_S)
    await limits.take(ALICE, Effect.write)
    assert shared.asked == 3


@pytest.mark.parametrize(("wanted", "granted"), [(1, 1), (3, 3), (9, 3)])
def test_no_more_are_granted_than_there_are(wanted: int, granted: int) -> None:
    taken = take(0.0, 1_000.0, RATE, wanted)
    assert taken.granted == granted
    assert take(taken.until, 1_000.0, RATE).granted == min(1, 3 - granted)


async def test_no_limit_asks_nobody(clock: FakeClock, shared: Buckets) -> None:
    free = SharedLimits(shared, dict.fromkeys(Effect, Rate(0, 1)), clock.monotonic, lambda _: None)
    for _ in range(10):
        await free.take(ALICE, Effect.write)
    assert shared.asked == 0
