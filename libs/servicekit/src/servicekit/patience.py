"""Patience of background loops with a database that is away: no reason to crash, and none to be called unready for."""

import asyncio
from collections.abc import Awaitable, Callable

from servicekit.logs import get_logger
from servicekit.pg import is_transient

AWAY_PAUSE_S = 0.5

Work = Callable[[], Awaitable[object]]
Loop = Callable[[], Awaitable[None]]

log = get_logger(__name__)


async def insist(work: Work) -> None:
    """Do `work` once, and again after a little while as long as the database does not answer."""
    while True:
        try:
            await work()
            return
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("the database does not answer", error=repr(error), again_in_s=AWAY_PAUSE_S)
        await asyncio.sleep(AWAY_PAUSE_S)


def patiently(work: Work) -> Loop:
    """A loop that does `work` again and again, and waits a little while the database does not answer."""

    async def loop() -> None:
        while True:
            await insist(work)

    return loop


def ticking(work: Work, every_s: float) -> Loop:
    """A loop that does `work` at every tick."""

    async def tick() -> None:
        await work()
        await asyncio.sleep(every_s)

    return patiently(tick)
