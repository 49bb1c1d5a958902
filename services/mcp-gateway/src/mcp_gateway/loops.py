"""Ticks."""

import asyncio
from collections.abc import Awaitable, Callable

from mcp_gateway.errors import Unavailable
from mcp_gateway.handlers.audit.keeping import HeadTeller, keep_months
from mcp_gateway.handlers.audit.turning import TurnedAway
from mcp_gateway.handlers.keyring import KeyRing
from mcp_gateway.ports import AuditKeeper
from servicekit.clock import Clock
from servicekit.logs import get_logger
from servicekit.pg import is_transient

MONTHS_EVERY_S = 3_600.0
WINDOW_EVERY_S = 10.0
AWAY_S = 5.0

Loop = Callable[[], Awaitable[None]]

log = get_logger(__name__)


def confirm_keys(ring: KeyRing, tick_ms: int) -> Loop:
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


def end_streams(end_ended: Callable[[], None], tick_ms: int) -> Loop:
    """A loop that closes what callers have left open whose credential has ended."""

    async def loop() -> None:
        while True:
            await asyncio.sleep(tick_ms / 1000)
            end_ended()

    return loop


def keep_audit_months(keeper: AuditKeeper, retention_days: int, clock: Clock) -> Loop:
    """A loop that makes the months of the audit log that come, and drops those that are too old."""

    async def tick() -> None:
        await keep_months(keeper, retention_days, clock)

    return _ticking(tick, MONTHS_EVERY_S)


def tell_audit_head(teller: HeadTeller, every_ms: int) -> Loop:
    """A loop that tells the end of the audit log."""
    return _ticking(teller.tell, every_ms / 1000)


def close_windows(turned_away: TurnedAway) -> Loop:
    """A loop that tells how many more were turned away, even if nobody comes any more."""

    async def tick() -> None:
        turned_away.tick()

    return _ticking(tick, WINDOW_EVERY_S)


def _ticking(tick: Callable[[], Awaitable[None]], every_s: float) -> Loop:
    """Do it every so often; while the database is away, see often whether it is back."""

    async def loop() -> None:
        away = False
        while True:
            try:
                await tick()
                away = False
            except Exception as error:
                if not is_transient(error) and not isinstance(error, TimeoutError):
                    raise
                if not away:
                    log.warning("audit.not_kept", reason=str(error) or type(error).__name__)
                away = True
            await asyncio.sleep(min(every_s, AWAY_S) if away else every_s)

    return loop
