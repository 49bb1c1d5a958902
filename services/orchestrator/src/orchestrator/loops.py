"""The ticks: lead or stand by, schedule, watch."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from orchestrator.handlers.leading import Leader
from orchestrator.handlers.scheduling import Scheduler
from orchestrator.handlers.watching import Watch
from orchestrator.ports import Store
from servicekit.leader import LeaderLease
from servicekit.logs import get_logger

RENEWALS_A_LEASE = 3
TELL_PAUSE_S = 0.005
GATHER_S = 0.005

Loop = Callable[[], Awaitable[None]]

log = get_logger(__name__)


class Alarm:
    """Wakes the scheduler of whoever leads: at once in this process, by way of the database in another."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rings = asyncio.Event()
        self._others = asyncio.Event()
        self._leader: Leader | None = None

    def belong_to(self, leader: Leader) -> None:
        """Know who leads."""
        self._leader = leader

    def ring(self) -> None:
        """Something may have become possible."""
        if self._leader is not None and self._leader.epoch is not None:
            self._rings.set()
        else:
            self._others.set()

    def ring_here(self) -> None:
        """Another process rang, perhaps because of a worker."""
        if self._leader is not None:
            self._leader.note_fleet_change()
        self._rings.set()

    async def wait(self, within_s: float) -> None:
        """Wait for a ring, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._rings.wait()
        self._rings.clear()

    async def tell_leader(self) -> None:
        """Pass rings on to the leading process, many as one, until cancelled."""
        while True:
            await self._others.wait()
            self._others.clear()
            await self._store.notify_leader()
            await asyncio.sleep(TELL_PAUSE_S)


class Gather:
    """Many calls within a moment become one: a relay that runs for each commit would do little but that."""

    def __init__(self, call: Callable[[], None], within_s: float = GATHER_S) -> None:
        self._call = call
        self._within_s = within_s
        self._is_due = False

    def __call__(self) -> None:
        """Call soon."""
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_later(self._within_s, self._fire)

    def _fire(self) -> None:
        self._is_due = False
        self._call()


def lead(lease: LeaderLease, leader: Leader, watch: Watch, alarm: Alarm, ttl_ms: int) -> Loop:
    """A loop that takes the lease when it is free, and keeps it."""

    async def loop() -> None:
        try:
            while True:
                if await leader.reign(await lease.acquire_or_renew()):
                    await watch.relay()
                    alarm.ring()
                await asyncio.sleep(ttl_ms / 1000 / RENEWALS_A_LEASE)
        finally:
            await _resign(lease, leader)

    return loop


def schedule(scheduler: Scheduler, alarm: Alarm, tick_ms: int) -> Loop:
    """A loop that assigns whenever something calls for it, and at every tick."""

    async def loop() -> None:
        while True:
            await alarm.wait(tick_ms / 1000)
            while await scheduler.round():  # noqa: ASYNC110
                # Others may run between two rounds.
                await asyncio.sleep(0)

    return loop


def watch_over(watch: Watch, tick_ms: int) -> Loop:
    """A loop that sees to heartbeats, leases and lost publications."""

    async def loop() -> None:
        while True:
            await watch.tick()
            await asyncio.sleep(tick_ms / 1000)

    return loop


async def _resign(lease: LeaderLease, leader: Leader) -> None:
    """Let another lead at once, if the database can be told; if not, the lease runs out by itself."""
    if leader.epoch is None:
        return
    leader.abdicate("this loop ends")
    with suppress(OSError, TimeoutError):
        await asyncio.wait_for(lease.release(), timeout=2.0)
