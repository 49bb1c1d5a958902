"""The ticks: lead or stand by, schedule, watch."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from orchestrator.handlers.leading import Leader
from orchestrator.handlers.sampling import Sampler
from orchestrator.handlers.scheduling import Scheduler
from orchestrator.handlers.watching import Watch
from orchestrator.ports import Store
from servicekit.leader import LeaderLease
from servicekit.patience import patiently, ticking
from servicekit.pg import is_transient

RENEWALS_A_LEASE = 4
LOOKS_A_LEASE = 6
"""How often whoever stands by looks whether the lease is free."""
TELL_PAUSE_S = 0.005
GATHER_S = 0.005
RELEASE_S = 2.0

Loop = Callable[[], Awaitable[None]]


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

    def ring_for_fleet(self) -> None:
        """The same, because of a worker."""
        if self._leader is not None:
            self._leader.note_fleet_change()
        self.ring()

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
        """Pass the next ring on to the leading process, with those that come in the same moment."""
        await self._others.wait()
        await asyncio.sleep(TELL_PAUSE_S)
        self._others.clear()
        await self._store.notify_leader()


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
    """A loop that takes the lease when it is free, and keeps it; with the database away, a reign runs out by itself."""

    async def candidacy() -> None:
        leadership = await lease.acquire_or_renew()
        if await leader.reign(leadership):
            await watch.relay()
            alarm.ring()
        await asyncio.sleep(ttl_ms / 1000 / (LOOKS_A_LEASE if leadership is None else RENEWALS_A_LEASE))

    async def loop() -> None:
        try:
            await patiently(candidacy)()
        finally:
            await _resign(lease, leader)

    return loop


def schedule(scheduler: Scheduler, alarm: Alarm, tick_ms: int) -> Loop:
    """A loop that assigns whenever something calls for it, and at every tick."""

    async def rounds() -> None:
        await alarm.wait(tick_ms / 1000)
        while await scheduler.round():  # noqa: ASYNC110
            # Others may run between two rounds.
            await asyncio.sleep(0)

    return patiently(rounds)


def keep(work: Loop, tick_ms: int) -> Loop:
    """A loop that does `work` at every tick."""
    return ticking(work, tick_ms / 1000)


def sample_fleet(sampler: Sampler, every_ms: int) -> Loop:
    """A loop that says how the fleet stands, at every tick."""

    async def tick() -> None:
        await asyncio.sleep(every_ms / 1000)
        await sampler.sample()

    return patiently(tick)


async def _resign(lease: LeaderLease, leader: Leader) -> None:
    """Let another lead at once, if the database can be told; if not, the lease runs out by itself."""
    if leader.epoch is None:
        return
    leader.abdicate("this loop ends")
    try:
        await asyncio.wait_for(lease.release(), timeout=RELEASE_S)
    except Exception as error:
        if not is_transient(error):
            raise
