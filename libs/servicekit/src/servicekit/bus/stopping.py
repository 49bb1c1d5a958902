"""Ending a loop that talks to NATS."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from servicekit.logs import get_logger

log = get_logger(__name__)


async def until_cancelled(work: Coroutine[Any, Any, None], ask_to_stop: Callable[[], None], grace_s: float) -> None:
    """Do the work until this is cancelled; then ask it to stop, and cancel it only when it has not within the grace.

    nats-py swallows a cancellation that comes while it flushes, so a loop that publishes cannot rely on one.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        ask_to_stop()
        await _ended(task, grace_s)
        raise


async def _ended(task: asyncio.Task[None], grace_s: float) -> None:
    try:
        await asyncio.wait({task}, timeout=grace_s)
    finally:
        task.cancel()
    if task.done() and not task.cancelled() and task.exception() is not None:
        log.warning("bus.loop_failed", error=repr(task.exception()))
