"""What the worker-agent does again and again: publish the spool, show that it lives, clean up, leave when drained."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil

from contracts.workers import Heartbeat
from servicekit.clock import Clock
from servicekit.logs import get_logger
from worker_agent.errors import SpoolUnavailable
from worker_agent.handlers import counting
from worker_agent.handlers.attempts import Attempts
from worker_agent.handlers.changes import Changes
from worker_agent.handlers.commands import Commands
from worker_agent.handlers.timekeeping import Timekeeper
from worker_agent.ports import EventSpool, Journal, Outbound, OutgoingSpool, Services

FIRST_PAUSE_S, MOST_PAUSE_S = 0.05, 2.0
CLEAN_EVERY_S = 5.0
DRAIN_EVERY_S = 0.5
MEASURE_EVERY_S = 5.0
TIME_EVERY_S, TIME_RETRY_S = 60.0, 5.0
MEBIBYTE = 1024 * 1024

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Linger:
    """How long an event may wait for company: hardly after a pause, longer while one follows another, in s."""

    idle_s: float
    busy_s: float

    def after(self, quiet_s: float) -> float:
        """The wait, so long after the last batch was published."""
        return self.idle_s if quiet_s > 2 * self.busy_s else self.busy_s


async def relay(spool: OutgoingSpool, outbound: Outbound, linger: Linger, clock: Clock) -> None:
    """Publish what is in the spool, as long as this runs. What the broker does not take is published again."""
    pause_s, published_at = FIRST_PAUSE_S, clock.monotonic()
    while True:
        await spool.wait_for_work()
        if not outbound.connected:
            await outbound.wait_connected()
        await asyncio.sleep(linger.after(clock.monotonic() - published_at))
        if await _publish(spool, outbound):
            pause_s, published_at = FIRST_PAUSE_S, clock.monotonic()
        else:
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, MOST_PAUSE_S)


async def _publish(spool: OutgoingSpool, outbound: Outbound) -> bool:
    try:
        batches = await spool.seal()
    except SpoolUnavailable as error:
        log.error("spool_not_sealed", error=error.detail)
        return False
    stored = await outbound.publish(batches)
    spool.acknowledge([batch.message_id for batch, is_stored in zip(batches, stored, strict=True) if is_stored])
    return all(stored)


@dataclass(frozen=True)
class Pulse:
    """Shows that this worker lives, and what it holds."""

    worker_id: str
    incarnation: str
    attempts: Attempts
    commands: Commands
    spool: EventSpool
    outbound: Outbound
    journal: Journal
    clock: Clock
    every_s: float

    async def run(self) -> None:
        """Send a heartbeat, again and again."""
        process = psutil.Process()
        process.cpu_percent()
        while True:
            await self._beat(process)
            await asyncio.sleep(self.every_s)

    async def _beat(self, process: psutil.Process) -> None:
        round_trip_ms = await self.outbound.round_trip_ms()
        if round_trip_ms is not None:
            counting.ROUND_TRIP.set(round_trip_ms / 1000)
        now = self.clock.now()
        self.journal.mark_alive(now)
        slots, state = self.attempts.slots, self.commands.state
        await self.outbound.heartbeat(
            Heartbeat(
                worker_id=self.worker_id,
                incarnation=self.incarnation,
                sent_at=now,
                slots_total=slots.limit,
                slots_free=slots.free if self.commands.takes_tasks else 0,
                running=self.attempts.held,
                cpu_percent=process.cpu_percent(),
                memory_mb=round(process.memory_info().rss / MEBIBYTE, 1),
                round_trip_ms=round_trip_ms,
                spool_events=self.spool.events,
                paused=state.paused,
                draining=state.draining,
            )
        )


async def measure(spool: EventSpool, attempts: Attempts, commands: Commands, clock: Clock) -> None:
    """Keep the metrics of the spool and the attempts up to date."""
    while True:
        stats = spool.stats()
        now_ms = clock.now().timestamp() * 1000
        counting.SPOOL_EVENTS.set(stats.events)
        counting.SPOOL_BYTES.set(stats.bytes)
        counting.SPOOL_FILE_BYTES.set(stats.file_bytes)
        counting.SPOOL_LIMIT_BYTES.set(stats.limit_bytes)
        counting.SPOOL_OLDEST.set(max(0.0, (now_ms - stats.oldest_ms) / 1000) if stats.oldest_ms is not None else 0.0)
        counting.ATTEMPTS.set(len(attempts.held))
        counting.SLOTS.set(attempts.slots.limit)
        counting.TAKES_TASKS.set(commands.takes_tasks)
        await asyncio.sleep(MEASURE_EVERY_S)


async def keep_time(times: Timekeeper, services: Services) -> None:
    """Measure how wrong this machine's clock is, again and again; sooner while nobody says."""
    while True:
        is_known = await times.measure(services)
        await asyncio.sleep(TIME_EVERY_S if is_known else TIME_RETRY_S)


async def take_tasks(consume: Callable[[], Awaitable[None]], commands: Commands, changes: Changes) -> None:
    """Take assignments while this worker takes any: not while it is paused or drained."""
    while True:
        while not commands.takes_tasks:
            await changes.wait()
        consuming = asyncio.ensure_future(consume())
        try:
            while commands.takes_tasks and not consuming.done():
                changed = asyncio.ensure_future(changes.wait())
                await asyncio.wait([consuming, changed], return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
        finally:
            consuming.cancel()
            await asyncio.wait([consuming])
        if not consuming.cancelled():
            consuming.result()


async def clean(attempts: Attempts, retention_s: float, memory_s: float, budget_bytes: int) -> None:
    """Remove old workspaces, and forget old attempts."""
    while True:
        await attempts.clean(retention_s, memory_s, budget_bytes)
        await asyncio.sleep(min(CLEAN_EVERY_S, max(0.05, retention_s)))


async def leave_when_drained(
    commands: Commands, attempts: Attempts, spool: EventSpool, leave: Callable[[], Awaitable[None]]
) -> None:
    """Each time this worker is drained: once its attempts are over and the broker has all of it, say that it leaves."""
    left = False
    while True:
        if not commands.state.draining:
            left = False
        elif not left and not attempts.held and not attempts.has_unsaved and not spool.events:
            await leave()
            left = True
        await asyncio.sleep(DRAIN_EVERY_S)
