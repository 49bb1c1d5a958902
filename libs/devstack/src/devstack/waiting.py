"""Poll a condition until it holds or the time is up."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

FIRST_PAUSE_S = 0.002
LONGEST_PAUSE_S = 0.05


def poll(ask: Callable[[], Answer | None], within: float) -> Answer | None:
    """Return the first true answer of `ask`, or None after `within` seconds."""
    deadline = time.monotonic() + within
    pause = FIRST_PAUSE_S
    while True:
        if answer := ask():
            return answer
        if time.monotonic() >= deadline:
            return None
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_S)
