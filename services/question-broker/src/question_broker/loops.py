"""Ticks."""

import asyncio
from collections.abc import Awaitable, Callable

from question_broker.handlers import escalating as telling
from question_broker.handlers import measuring
from question_broker.handlers import questions as handlers
from question_broker.handlers.escalating import Escalating
from question_broker.ports import Questions
from servicekit.clock import Clock
from servicekit.logs import get_logger
from servicekit.patience import ticking
from servicekit.pg import is_transient

MEASURE_S = 10.0

log = get_logger(__name__)


def expire(questions: Questions, clock: Clock, tick_ms: int) -> Callable[[], Awaitable[None]]:
    """A loop that closes questions past their deadline; any number of replicas may run it."""

    async def tick() -> None:
        while await handlers.expire(questions, clock.now()):
            pass

    return ticking(tick, tick_ms / 1000)


def measure(questions: Questions, clock: Clock) -> Callable[[], Awaitable[None]]:
    """A loop that shows how much is open."""

    async def loop() -> None:
        while True:
            try:
                await measuring.measure(questions, clock.now())
            except Exception as error:
                if not is_transient(error):
                    raise
                log.info("open questions not counted", error=repr(error))
            await asyncio.sleep(MEASURE_S)

    return loop


def escalate(escalating: Escalating, tick_ms: int) -> Callable[[], Awaitable[None]]:
    """A loop that tells somebody else of questions that wait too long; any number of replicas may run it."""

    async def tick() -> None:
        while await telling.promise(escalating) or await telling.deliver(escalating):
            pass

    return ticking(tick, tick_ms / 1000)
