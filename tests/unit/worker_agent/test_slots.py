"""Slots: a limit that may change."""

import asyncio

from tests.support.waiting import eventually
from worker_agent.handlers.changes import Changes
from worker_agent.handlers.slots import Slots


async def hold(slots: Slots, held: list[int], number: int, let_go: asyncio.Event, *, at_once: bool = False) -> None:
    async with slots.taken(lambda: at_once):
        held.append(number)
        await let_go.wait()


async def test_who_finds_no_slot_waits_until_one_is_free() -> None:
    slots, held, first, rest = Slots(1), list[int](), asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(hold(slots, held, number, rest if number else first)) for number in range(3)]
    await eventually(lambda: held == [0])
    assert slots.free == 0
    first.set()
    await eventually(lambda: len(held) == 2)
    await slots.resize(2)
    await eventually(lambda: len(held) == 3)
    rest.set()
    await asyncio.gather(*tasks)
    assert slots.free == 2


async def test_what_runs_already_needs_no_free_slot() -> None:
    slots, held, let_go = Slots(1), list[int](), asyncio.Event()
    tasks = [asyncio.create_task(hold(slots, held, number, let_go, at_once=True)) for number in range(3)]
    await eventually(lambda: len(held) == 3)
    assert slots.free == 0
    let_go.set()
    await asyncio.gather(*tasks)


async def test_what_went_above_the_limit_keeps_others_waiting_until_there_is_room_again() -> None:
    slots, held, asked, helped, rest = Slots(1), list[int](), asyncio.Event(), asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(hold(slots, held, 0, asked))]
    await eventually(lambda: held == [0])
    tasks += [
        asyncio.create_task(hold(slots, held, 1, rest)),
        asyncio.create_task(hold(slots, held, 2, helped, at_once=True)),
    ]
    await eventually(lambda: held == [0, 2])
    asked.set()
    await tasks[0]
    assert (held, slots.free) == ([0, 2], 0)
    helped.set()
    await eventually(lambda: held == [0, 2, 1])
    rest.set()
    await asyncio.gather(*tasks)
    assert slots.free == 1


async def test_a_change_wakes_all_who_wait_and_nobody_later() -> None:
    changes = Changes()
    waiting = [asyncio.create_task(changes.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    changes.tell()
    await asyncio.gather(*waiting)
    late = asyncio.create_task(changes.wait())
    await asyncio.sleep(0)
    assert not late.done()
    late.cancel()
