import pytest

from contracts.events.reporting import StreamData, StreamType, TokenUsage, ToolCall
from tests.support.fakes import FakeClock
from worker_agent.decisions.rates import Lane, Level, Rate, Rates, SendLimits, draw
from worker_agent.errors import RateLimited
from worker_agent.handlers.throttling import Thinning, Throttle

RATES = Rates(Rate(10, 20), Rate(1_000, 4_000))
LIMITS = SendLimits(RATES.things, RATES.volume, Rate(100, 100), 2)


def taken(level: Level, sizes: list[int], now_s: float = 0.0, rates: Rates = RATES) -> tuple[Level, list[float]]:
    """One after the other at one moment: what is left, and how long each had to wait."""
    waits: list[float] = []
    for size in sizes:
        level, wait_s = draw(level, rates, size, now_s)
        waits.append(wait_s)
    return level, waits


def test_a_burst_goes_at_once_and_the_next_must_wait_for_its_turn() -> None:
    level, waits = taken(RATES.full(0.0), [1] * 22)
    assert waits[:20] == [0.0] * 20
    assert waits[20:] == pytest.approx([0.1, 0.1])
    assert taken(level, [1, 1], now_s=0.1)[1] == pytest.approx([0.0, 0.1])


def test_who_waits_as_long_as_it_is_told_is_let_in() -> None:
    level, [*_, wait_s] = taken(RATES.full(5.0), [300] * 15, now_s=5.0)
    assert wait_s > 0
    assert draw(level, RATES, 300, 5.0 + wait_s)[1] == 0


def test_in_the_long_run_no_more_goes_than_the_rate_and_the_burst() -> None:
    level, let_in = RATES.full(0.0), 0
    for tick in range(10_000):
        level, wait_s = draw(level, RATES, 1, tick / 100)
        let_in += wait_s == 0
    assert let_in == pytest.approx(100 * 10 + 20, abs=1)


def test_what_is_larger_than_a_burst_is_let_in_once_and_paid_for() -> None:
    level, waits = taken(RATES.full(0.0), [9_000, 1])
    assert waits == pytest.approx([0.0, 5.001])
    assert draw(level, RATES, 1, 5.1)[1] == 0


def test_a_quiet_time_fills_a_bucket_no_further_than_its_burst() -> None:
    level, _ = taken(RATES.full(0.0), [1] * 20)
    assert taken(level, [1] * 21, now_s=1e6)[1][-1] > 0


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    level, _ = taken(RATES.full(10.0), [1] * 20, now_s=10.0)
    assert draw(level, RATES, 1, 9.0)[1] == pytest.approx(0.1)


def test_an_agent_that_is_too_fast_is_told_how_long_to_wait_and_what_to_do() -> None:
    throttle = Throttle(LIMITS, FakeClock())
    for _ in range(20):
        throttle.report("progress", 10)
    with pytest.raises(RateLimited, match=r"10 a second and 1 kB a second.*nothing was recorded.*in 100 ms.*one call"):
        throttle.report("progress", 10)


def test_after_a_flood_an_agent_may_still_say_that_it_has_finished() -> None:
    throttle = Throttle(SendLimits(Rate(1, 1), Rate(1e6, 1e6), Rate(1, 1), 2), FakeClock())
    throttle.report("stream", 1)
    with pytest.raises(RateLimited):
        throttle.report("stream", 1)
    throttle.report("completion", 1)


def test_a_flood_of_output_keeps_out_no_report_and_a_flood_of_reports_no_output() -> None:
    throttle = Throttle(LIMITS, FakeClock())
    assert [throttle.observe(1) for _ in range(21)].count(True) == 20
    for _ in range(20):
        throttle.report("progress", 1)
    throttle.deposit(1_000_000)
    with pytest.raises(RateLimited, match="again in"):
        throttle.deposit(1)


def test_no_more_calls_are_under_way_than_may_be() -> None:
    throttle = Throttle(LIMITS, FakeClock())
    with throttle.calling(), throttle.calling(), pytest.raises(RateLimited, match="2 calls"), throttle.calling():
        pass
    with throttle.calling():
        pass


def test_each_lane_has_the_limits_that_are_set_for_it() -> None:
    assert LIMITS.of(Lane.objects).volume == LIMITS.object_volume
    assert LIMITS.of(Lane.reported) == LIMITS.of(Lane.observed) == RATES


def line(text: str) -> StreamData:
    return StreamData(stream_type=StreamType.output, content=text)


def test_what_is_left_out_of_an_output_is_counted_and_told_once() -> None:
    thinning = Thinning(Throttle(LIMITS, FakeClock()))
    bodies = [line("x" * 1_500)] * 4 + [
        ToolCall(tool_name="bash"),
        TokenUsage(model="m", input_tokens=1, output_tokens=1),
    ]
    assert [thinning.keeps(body) for body in bodies] == [True, True, False, False, False, False]
    told = thinning.told()
    assert told is not None
    assert "1 of TokenUsage, 1 of ToolCall, 2 of the stream; 5 kB" in told.content
    assert told.metadata == {"left_out": 4, "left_out_bytes": 5_000}
    assert thinning.told() is None
