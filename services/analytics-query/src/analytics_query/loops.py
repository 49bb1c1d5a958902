"""The ticks: lead or stand by, forget old roll-ups, watch how far the projections are."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from analytics_query.decisions.folding import FOLD_VERSION
from analytics_query.decisions.retaining import kept_from
from analytics_query.handlers.counting import LEADS, note_position
from analytics_query.handlers.exposing import expose
from analytics_query.handlers.warming import Warmth
from analytics_query.ports import Documents, Projections, Sums
from servicekit.clock import Clock
from servicekit.leader import LeaderLease
from servicekit.logs import get_logger
from servicekit.patience import ticking
from servicekit.pg import is_transient

RENEWALS_A_LEASE = 3
RELEASE_S = 2.0

Loop = Callable[[], Awaitable[None]]

log = get_logger(__name__)


class Reign:
    """Whether this process leads. Only speed depends on it: two that both project wait for each other at each batch."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.over = asyncio.Event()
        self.over.set()

    def set(self, leads: bool) -> None:
        """Say who leads now."""
        if leads != self.begun.is_set():
            log.info("leading" if leads else "standing by")
        LEADS.set(leads)
        (self.begun.set if leads else self.begun.clear)()
        (self.over.clear if leads else self.over.set)()


def lead(lease: LeaderLease, reign: Reign, ttl_ms: int) -> Loop:
    """A loop that takes the lease when it is free, and keeps it. While the database does not answer all stays as it is:
    nobody can project then."""

    async def candidacy() -> None:
        try:
            reign.set(await lease.acquire_or_renew() is not None)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("the database does not answer", error=repr(error))
        await asyncio.sleep(ttl_ms / 1000 / RENEWALS_A_LEASE)

    async def loop() -> None:
        try:
            while True:
                await candidacy()
        finally:
            reign.set(leads=False)
            with suppress(Exception):
                async with asyncio.timeout(RELEASE_S):
                    await lease.release()

    return loop


def while_leading(reign: Reign, work: Loop) -> Loop:
    """A loop that does `work` while this process leads, and lets it finish what it has in hand when that is over."""

    async def loop() -> None:
        while True:
            await reign.begun.wait()
            working = asyncio.ensure_future(work())
            over = asyncio.ensure_future(reign.over.wait())
            try:
                await asyncio.wait({working, over}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                over.cancel()
                working.cancel()
                # A crash is the supervisor's business; having been stopped is none.
                with suppress(asyncio.CancelledError):
                    await working

    return loop


def retain(projections: Projections, clock: Clock, minute_days: int, hour_days: int, tick_ms: int) -> Loop:
    """A loop that forgets roll-ups of minutes and hours that are old."""
    return ticking(lambda: projections.keep(kept_from(clock.now(), minute_days, hour_days)), tick_ms / 1000)


def watch(documents: Documents, tick_ms: int) -> Loop:
    """A loop that shows how far the projections are, and whether they must be rebuilt."""
    told: int | None = None

    async def tick() -> None:
        nonlocal told
        position = await documents.position()
        note_position(position)
        if 0 <= position.fold_version != FOLD_VERSION and position.fold_version != told:
            told = position.fold_version
            log.warning(
                "the projections were made by another version: run `python -m analytics_query rebuild`",
                fold_version=told,
                needed=FOLD_VERSION,
            )

    return ticking(tick, tick_ms / 1000)


def expose_quality(sums: Sums, clock: Clock, tick_ms: int) -> Loop:
    """A loop that shows how good the work of the last hour and day was."""

    async def loop() -> None:
        while True:
            try:
                await expose(sums, clock.now())
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("the database does not answer", error=repr(error))
            await asyncio.sleep(tick_ms / 1000)

    return loop


def keep_warm(warmth: Warmth, clock: Clock, tick_ms: int) -> Loop:
    """A loop that makes the sums of the widest report before anybody asks for it."""
    return ticking(lambda: warmth.renew(clock.now()), tick_ms / 1000)
