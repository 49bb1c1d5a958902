"""What is made of messages that are refused, on a clock that is wound by hand."""

import asyncio
from contextlib import suppress
from typing import Any

from nats.aio.msg import Msg

from contracts import subjects
from orchestrator.subscriptions import ASKS_AT_ONCE, LETTERS_AT_ONCE, LETTERS_WAITING, Door, Refusals
from servicekit.bus.deadletters import Again
from tests.support.fakes import FakeClock

MINUTE_S = 60


def beat(worker_id: str, data: bytes = b"{}") -> Msg:
    client: Any = None
    return Msg(client, subjects.heartbeat(worker_id), data=data)


class Kept:
    """Dead letters, by their subject; written as soon as the test lets them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.refusals = Refusals(self, self.clock)
        self.subjects: list[str] = []

    def attend(self, durable: str, again: Again) -> None:
        raise AssertionError(f"nothing of {durable} is processed again: {again}")

    async def record(self, stream: str, subject: str, *_: Any, **__: Any) -> None:
        assert stream == "core"
        self.subjects.append(subject)

    async def refuse(self, worker_id: str, times: int) -> int:
        """How many of so many were kept."""
        before = len(self.subjects)
        for _ in range(times):
            self.refusals.note(beat(worker_id), "no heartbeat")
        # It waits only when there is no more.
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                while True:
                    await self.refusals.put_aside()
        return len(self.subjects) - before


async def test_of_what_a_worker_sends_in_vain_a_few_a_minute_are_kept_and_of_another_all_the_same() -> None:
    kept = Kept()
    assert 0 < await kept.refuse("loud", 1_000) <= LETTERS_AT_ONCE + 1
    assert await kept.refuse("calm", 1) == 1
    kept.clock.advance(MINUTE_S)
    assert 0 < await kept.refuse("loud", 1_000) <= LETTERS_AT_ONCE + 1


async def test_names_without_end_do_not_fill_the_table() -> None:
    kept = Kept()
    assert sum([await kept.refuse(f"forged-{n}", 1) for n in range(1_000)]) < 100


async def test_while_the_database_is_slow_few_messages_are_held() -> None:
    kept = Kept()
    for n in range(10 * LETTERS_WAITING):
        kept.refusals.note(beat(f"w-{n}"), "no heartbeat")
    assert await kept.refuse("one-more", 0) == LETTERS_WAITING


def test_a_long_message_counts_as_several() -> None:
    clock = FakeClock()
    door = Door(clock, per_s=1.0, at_once=ASKS_AT_ONCE)
    lengths = {size: sum(door.lets_in(beat(f"w-{size}", b"x" * size)) for _ in range(100)) for size in (10, 1_000_000)}
    assert lengths[1_000_000] == 1 < ASKS_AT_ONCE < lengths[10] < 100
