import asyncio

import pytest

from servicekit.health import NotReady, Readiness
from servicekit.lifecycle import Background, Backoff
from tests.support.fakes import FakeClock
from tests.support.waiting import PATIENCE_S, eventually

QUICK = Backoff(first_s=0.001, most_s=0.002, forget_after_s=0.05)


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_crashed_loop_runs_again() -> None:
    runs: list[int] = []

    async def loop() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise ValueError("no")
        await forever()

    async with Background(backoff=QUICK) as background:
        background.start("loop", loop)
        await eventually(lambda: len(runs) == 3)


async def test_loops_begin_once_a_check_has_passed_and_waiting_is_no_crash() -> None:
    readiness, ran = Readiness(FakeClock(), ttl_s=0), asyncio.Event()
    reasons = iter([NotReady("schema carts was never migrated"), ValueError("no such role")])
    asked: list[bool] = []

    async def check() -> None:
        asked.append(ran.is_set())
        if (reason := next(reasons, None)) is not None:
            raise reason

    async def loop() -> None:
        ran.set()
        await forever()

    async with Background(readiness, QUICK, begin_when=check) as background:
        background.start("first", loop)
        background.start("second", forever)
        await eventually(ran.is_set)
        assert (await readiness.report()).ready
    assert asked == [False, False, False]


async def test_what_waits_to_begin_can_be_stopped() -> None:
    async def never() -> None:
        raise NotReady("not yet")

    background = Background(begin_when=never)
    background.start("loop", forever)
    async with asyncio.timeout(PATIENCE_S):
        await background.stop()


async def test_a_loop_that_keeps_failing_makes_the_service_not_ready_until_it_runs_again() -> None:
    readiness = Readiness(FakeClock(), ttl_s=0)
    mended = asyncio.Event()

    async def loop() -> None:
        if not mended.is_set():
            raise ValueError("broken pipe")
        await forever()

    async def reason() -> str | None:
        return (await readiness.report()).checks["loops"]

    async with Background(readiness, QUICK) as background:
        background.start("relay", loop)
        await eventually(lambda: reason())
        assert await reason() == "relay keeps failing: ValueError('broken pipe')"
        mended.set()

        async def ready() -> bool:
            return (await readiness.report()).ready

        await eventually(ready)


async def test_loops_stop_in_reverse_order_and_may_finish_what_they_have() -> None:
    ended: list[str] = []
    started: list[str] = []

    def loop(name: str):
        async def run() -> None:
            started.append(name)
            try:
                await forever()
            finally:
                await asyncio.sleep(0.001)
                ended.append(name)

        return run

    background = Background()
    for name in ("first", "second", "third"):
        background.start(name, loop(name))
    await eventually(lambda: len(started) == 3)
    await background.stop()
    assert ended == ["third", "second", "first"]


async def test_a_loop_that_returns_is_done() -> None:
    runs: list[int] = []

    async def loop() -> None:
        runs.append(1)

    async with Background(backoff=QUICK) as background:
        background.start("once", loop)
        await eventually(lambda: runs)
        await asyncio.sleep(0.01)
    assert len(runs) == 1


async def test_a_loop_that_does_not_stop_is_left_behind() -> None:
    released = asyncio.Event()

    async def stubborn() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    background = Background()
    background.start("stubborn", stubborn)
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S):
        await background.stop(within_s=0.01)
    released.set()


async def test_names_are_unique() -> None:
    async with Background() as background:
        background.start("one", forever)
        with pytest.raises(ValueError, match="'one'"):
            background.start("one", forever)


def test_pauses_double_up_to_a_bound_and_half_of_them_is_chance() -> None:
    backoff = Backoff(first_s=1, most_s=10)
    assert [backoff.pause_s(n, 1) for n in (1, 2, 3, 4, 5, 10_000)] == [1, 2, 4, 8, 10, 10]
    assert backoff.pause_s(3, 0) == 2
