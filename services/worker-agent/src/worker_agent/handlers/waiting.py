"""Waiting on behalf of an agent: it hears now and then that the call still goes on, and counts as alive."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from servicekit.clock import Clock
from worker_agent.handlers.reports import Reporter

Tick = Callable[[float, float], Awaitable[None]]
"""Told while waiting: seconds waited, and seconds in all."""

TICK_S = 5.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who waits: the call to be kept alive, and whose attempt it is."""

    tick: Tick
    reporter: Reporter
    clock: Clock

    async def wait(
        self, what: "asyncio.Future[Any]", total_s: float, gone_s: float = 0.0, shown_s: float = 0.0
    ) -> bool:
        """Wait until it is done, or until so much time is over, of which some has gone already; whether it is done.

        `shown_s` is what the waiting one is told as the whole time, if that is another.
        """
        begun, shown_s = self.clock.monotonic() - gone_s, shown_s or total_s
        while not what.done() and (waited := self.clock.monotonic() - begun) < total_s:
            await self.tick(min(waited, shown_s), shown_s)
            self.reporter.touch()
            await asyncio.wait([what], timeout=min(TICK_S, total_s - waited))
        return what.done()
