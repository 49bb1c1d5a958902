"""Does to a running platform what the plan says, and writes down what was done when."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos.cluster import Cluster
from tests.chaos.echoes import Echo
from tests.chaos.keeping import Stop
from tests.chaos.moments import wall
from tests.chaos.plan import SERVICES, Fault, Injection, Plan

GRACE_S = 10.0
"""SHUTDOWN_GRACE_MS of devstack, and something for a busy machine."""
DONE_NOTHING = "it did not run then"
READY_AGAIN_S = 60.0


@dataclass(frozen=True)
class Injected:
    """A fault that was injected; `ended_at` is when its cause was taken away, and whoever was killed is ready again."""

    fault: Fault
    victim: str
    begun_at: float
    ended_at: float
    note: str = ""


class Injector:
    """Carries out one plan."""

    def __init__(self, cluster: Cluster, plan: Plan, echo: Echo) -> None:
        self._cluster = cluster
        self._keeper = cluster.keeper
        self._plan = plan
        self._echo = echo
        self.done: list[Injected] = []
        self.stops: list[Stop] = []
        self.lost: set[str] = set()
        """Servers that stay away to the end."""

    async def run(self) -> None:
        """Inject everything at its time; returns when all that lasts is over."""
        begun = time.monotonic()
        await asyncio.gather(*(self._at(begun + one.at_s, one) for one in self._plan.injections))

    def mend(self) -> None:
        """Take away the cause of whatever still lasts."""
        for name, kept in self._keeper.kept.items():
            kept.thaw()
            if name not in self.lost:
                kept.may_run.set()
        for wire in self._cluster.wires.values():
            wire.mend()
        for name, disk in self._cluster.disks.items():
            disk.empty(self._pid(name))
        self._echo.end()

    def bring_back(self) -> None:
        """Let run what stayed away to the end."""
        self.lost.clear()
        self.mend()

    async def _at(self, moment: float, one: Injection) -> None:
        await asyncio.sleep(max(0.0, moment - time.monotonic()))
        begun_at = wall()
        ways: dict[Fault, Callable[[Injection], Awaitable[str]]] = {
            Fault.kill: self._kill,
            Fault.outage: self._outage,
            Fault.freeze: self._freeze,
            Fault.stall: self._stall,
            Fault.cut: self._cut,
            Fault.echo: self._repeat,
            Fault.full_disk: self._fill,
            Fault.rolling: self._roll,
            Fault.redis_lost: self._lose_redis,
        }
        note = await ways[one.fault](one)
        self.done.append(Injected(one.fault, one.victim, begun_at, wall(), note))

    async def _kill(self, one: Injection) -> str:
        """Over when the process is ready again: how long that takes is the machine's doing."""
        kept = self._keeper[one.victim]
        if not kept.kill():
            return DONE_NOTHING
        return "" if await _within(READY_AGAIN_S, kept.ready.wait()) else "not ready again in time"

    async def _outage(self, one: Injection) -> str:
        kept = self._keeper[one.victim]
        kept.may_run.clear()
        kept.kill()
        await asyncio.sleep(one.lasts_s)
        if one.victim not in self.lost:
            kept.may_run.set()
        return ""

    async def _freeze(self, one: Injection) -> str:
        kept = self._keeper[one.victim]
        if not kept.freeze():
            return DONE_NOTHING
        await asyncio.sleep(one.lasts_s)
        kept.thaw()
        return ""

    async def _stall(self, one: Injection) -> str:
        wire = self._cluster.wires[one.victim]
        wire.stall()
        await asyncio.sleep(one.lasts_s)
        wire.mend()
        return ""

    async def _cut(self, one: Injection) -> str:
        wire = self._cluster.wires[one.victim]
        wire.cut()
        await asyncio.sleep(one.lasts_s)
        wire.mend()
        return ""

    async def _repeat(self, one: Injection) -> str:
        before = self._echo.repeated
        self._echo.begin()
        await asyncio.sleep(one.lasts_s)
        self._echo.end()
        return f"{self._echo.repeated - before} messages"

    async def _fill(self, one: Injection) -> str:
        disk, pid = self._cluster.disks[one.victim], self._pid(one.victim)
        if pid is None:
            return DONE_NOTHING
        await asyncio.to_thread(disk.fill, pid)
        await asyncio.sleep(one.lasts_s)
        disk.empty(self._pid(one.victim))
        return disk.kind

    async def _roll(self, one: Injection) -> str:
        """Each service and one worker in turn; the next begins when the one before is ready again."""
        worker = self._cluster.worker_names()[self._plan.seed % self._cluster.workers]
        for name in (*SERVICES, worker):
            kept = self._keeper[name]
            # A process that is killed by another fault just now, or starts again after one, is waited for.
            if not await _within(READY_AGAIN_S, kept.ready.wait()):
                continue
            begun_at, stop = wall(), await kept.stop(GRACE_S)
            if stop is None:
                continue
            self.stops.append(stop)
            await _within(READY_AGAIN_S, kept.ready.wait())
            self.done.append(Injected(Fault.rolling, name, begun_at, wall()))
        return ""

    async def _lose_redis(self, one: Injection) -> str:
        """Take away the server and its data; it stays away to the end."""
        self.lost.add(one.victim)
        kept = self._keeper[one.victim]
        kept.may_run.clear()
        kept.kill()
        folder = self._cluster.world.layout.data / "redis"
        for path in folder.glob("*"):
            path.unlink()
        return "with its data"

    def _pid(self, name: str) -> int | None:
        process = self._keeper[name].managed.process
        return process.pid if process else None


async def _within(seconds: float, awaited: Awaitable[object]) -> bool:
    """Whether it comes in time."""
    try:
        await asyncio.wait_for(awaited, seconds)
    except TimeoutError:
        return False
    return True
