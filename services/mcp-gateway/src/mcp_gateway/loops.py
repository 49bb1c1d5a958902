"""Ticks."""

import asyncio
from collections.abc import Awaitable, Callable

from mcp_gateway.errors import Unavailable
from mcp_gateway.handlers.keyring import KeyRing
from servicekit.logs import get_logger

log = get_logger(__name__)


def confirm_keys(ring: KeyRing, tick_ms: int) -> Callable[[], Awaitable[None]]:
    """A loop that learns of revoked keys, and writes when keys were used."""

    async def loop() -> None:
        away = False
        while True:
            await asyncio.sleep(tick_ms / 1000)
            try:
                await ring.confirm()
            except Unavailable as error:
                if not away:
                    log.warning("keys.not_confirmed", reason=error.detail)
                away = True
            else:
                away = False

    return loop


def end_streams(end_ended: Callable[[], None], tick_ms: int) -> Callable[[], Awaitable[None]]:
    """A loop that closes what callers have left open whose credential has ended."""

    async def loop() -> None:
        while True:
            await asyncio.sleep(tick_ms / 1000)
            end_ended()

    return loop
