"""Publishing the spool: what the broker does not take is published again, in the same batches."""

import asyncio
from collections.abc import Sequence

from tests.support.fakes import FakeClock
from tests.support.waiting import eventually
from worker_agent.errors import SpoolUnavailable
from worker_agent.loops import Linger, relay
from worker_agent.ports import SealedBatch

LINGER = Linger(0.0, 0.0)


class Broker:
    """Takes what it is told to take; stands for the spool as well."""

    def __init__(self, *answers: list[bool]) -> None:
        self.connected = True
        self.back = asyncio.Event()
        self.waiting = [SealedBatch("a", "s.1", b"1"), SealedBatch("b", "s.2", b"2")]
        self.published: list[list[str]] = []
        self.failures = 0
        self._answers = list(answers)

    async def wait_for_work(self) -> None:
        await eventually(lambda: self.waiting, within=60)

    async def wait_connected(self) -> None:
        await self.back.wait()

    async def seal(self) -> list[SealedBatch]:
        if self.failures:
            self.failures -= 1
            raise SpoolUnavailable("the disk is full")
        return list(self.waiting)

    def acknowledge(self, message_ids: Sequence[str]) -> None:
        self.waiting = [batch for batch in self.waiting if batch.message_id not in message_ids]

    async def publish(self, batches: Sequence[SealedBatch]) -> list[bool]:
        self.published.append([batch.message_id for batch in batches])
        return self._answers.pop(0) if self._answers else [True] * len(batches)


async def relayed(broker: Broker) -> None:
    task = asyncio.create_task(relay(broker, broker, LINGER, FakeClock()))  # pyright: ignore[reportArgumentType]
    try:
        await eventually(lambda: not broker.waiting)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_only_what_was_refused_is_published_again() -> None:
    broker = Broker([True, False], [False])
    await relayed(broker)
    assert broker.published == [["s.1", "s.2"], ["s.2"], ["s.2"]]


async def test_a_disk_that_cannot_seal_is_tried_again() -> None:
    broker = Broker()
    broker.failures = 2
    await relayed(broker)
    assert broker.published == [["s.1", "s.2"]]


async def test_nothing_is_published_while_the_bus_is_away() -> None:
    broker = Broker()
    broker.connected = False
    task = asyncio.create_task(relayed(broker))
    await asyncio.sleep(0)
    assert broker.published == []
    broker.back.set()
    await task
    assert broker.published == [["s.1", "s.2"]]


def test_an_event_waits_longer_while_one_follows_another() -> None:
    linger = Linger(0.002, 0.01)
    assert (linger.after(0.005), linger.after(5.0)) == (0.01, 0.002)
