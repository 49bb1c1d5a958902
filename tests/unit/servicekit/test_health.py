import asyncio

import pytest

from servicekit.health import ADVICE_TIMEOUT_S, SOON_S, NotReady, Readiness, once
from tests.support.fakes import FakeClock
from tests.support.samples import sample
from tests.support.waiting import PATIENCE_S, eventually


async def test_answers_are_kept_for_a_while() -> None:
    clock, asked = FakeClock(), list[int]()
    readiness = Readiness(clock, ttl_s=1)

    async def check() -> None:
        asked.append(1)

    readiness.add("one", check)
    await asyncio.gather(readiness.report(), readiness.report())
    assert len(asked) == 1
    clock.advance(1)
    await readiness.report()
    assert len(asked) == 2


async def test_what_has_passed_once_is_asked_for_no_more() -> None:
    answers = iter([NotReady("not yet"), None, NotReady("gone")])

    async def check() -> None:
        if (reason := next(answers)) is not None:
            raise reason

    latched = once(check)
    with pytest.raises(NotReady, match="not yet"):
        await latched()
    await latched()
    await latched()


async def test_what_is_missing_is_soon_asked_for_again() -> None:
    clock, there = FakeClock(), asyncio.Event()
    readiness = Readiness(clock, ttl_s=1)

    async def check() -> None:
        if not there.is_set():
            raise NotReady("no schema")

    readiness.add("one", check)
    assert not (await readiness.report()).ready
    there.set()
    clock.advance(2 * SOON_S)
    assert (await readiness.report()).ready


async def test_each_check_says_its_own_reason() -> None:
    readiness = Readiness(FakeClock(), timeout_s=0.01)

    async def fine() -> None:
        pass

    async def missing() -> None:
        raise NotReady("no schema")

    async def broken() -> None:
        raise KeyError

    async def stuck() -> None:
        await asyncio.Event().wait()

    for name, check in {"fine": fine, "missing": missing, "broken": broken, "stuck": stuck}.items():
        readiness.add(name, check)
    report = await readiness.report()
    assert not report.ready
    assert report.checks == {
        "fine": None,
        "missing": "no schema",
        "broken": "KeyError",
        "stuck": "no answer within 0.01 s",
    }


async def test_what_is_only_shown_makes_no_service_unready_and_no_answer_late() -> None:
    readiness = Readiness(FakeClock(), ttl_s=0, timeout_s=3_600)

    async def away() -> None:
        raise NotReady("it is away")

    async def stuck() -> None:
        await asyncio.Event().wait()

    readiness.add("bell", away, advisory=True)
    readiness.add("horn", stuck, advisory=True)
    report = await readiness.report()
    assert report.ready
    assert report.checks == {"bell": "it is away", "horn": f"no answer within {ADVICE_TIMEOUT_S} s"}
    assert sample("mews_readiness_check_failing", check="bell") is None

    readiness.add("schema", away)
    assert not (await readiness.report()).ready


async def test_a_name_is_given_once() -> None:
    readiness = Readiness(FakeClock())

    async def fine() -> None:
        pass

    readiness.add("one", fine)
    with pytest.raises(ValueError, match="'one'"):
        readiness.add("one", fine)
    assert (await readiness.report()).ready


async def test_a_check_that_hangs_even_when_cancelled_does_not_hold_up_the_answer() -> None:
    readiness, released, begun = Readiness(FakeClock(), ttl_s=0, timeout_s=0.01), asyncio.Event(), list[int]()

    async def stubborn() -> None:
        begun.append(1)
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    readiness.add("stubborn", stubborn)
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(3):
            assert not (await readiness.report()).ready
    assert len(begun) == 1
    released.set()

    async def ready() -> bool:
        return (await readiness.report()).ready

    await eventually(ready)


async def test_what_keeps_a_service_from_being_ready_is_shown_as_a_metric() -> None:
    clock, missing = FakeClock(), ["no schema"]
    readiness = Readiness(clock, ttl_s=1)

    async def check() -> None:
        if missing:
            raise NotReady(missing[0])

    readiness.add("shown", check)
    await readiness.report()
    assert sample("mews_readiness_check_failing", check="shown") == 1
    missing.clear()
    clock.advance(2)
    await readiness.report()
    assert sample("mews_readiness_check_failing", check="shown") == 0
