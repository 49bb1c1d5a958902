"""The only way in which tests wait: for a condition, with a bound."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Answer = TypeVar("Answer")

FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 0.05
PATIENCE_S = 30.0
"""Bounds are there to end a test that hangs, and a starved machine must not reach them: they say nothing of speed."""


async def eventually(
    condition: Callable[[], Answer | None] | Callable[[], Awaitable[Answer | None]], within: float = PATIENCE_S
) -> Answer:
    """Return the first true answer of `condition` (plain or async); fail the test after `within` seconds."""
    deadline = time.monotonic() + within
    pause = FIRST_PAUSE_S
    while True:
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer  # pyright: ignore[reportReturnType]
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {within} s: {inspect.unwrap(condition)} still says {answer!r}")
        # Asking takes processor time from what is waited for.
        await asyncio.sleep(pause)
        pause = min(pause * 1.2, LONGEST_PAUSE_S)
