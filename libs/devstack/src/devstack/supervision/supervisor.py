"""The supervisor: one task for each part; a part starts when what it needs is ready, and again when it dies."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from devstack.errors import DevstackError
from devstack.processes import until_ended
from devstack.state import Member, Phase
from devstack.supervision.backoff import FIRST_START_ATTEMPTS, delay_before_restart, failures_after
from devstack.supervision.graph import Node, Step, Unit, check_graph, stop_order
from servicekit.clock import Clock

READY_PAUSE_S = 0.03
READY_WITHIN_S = 60.0


@dataclass
class Track:
    """How one unit is doing."""

    phase: Phase = Phase.waiting
    restarts: int = 0
    started_at: datetime | None = None


class Supervisor:
    """Runs `nodes`; `changed` is called after every change of a phase. Use it from the main thread's event loop."""

    def __init__(self, nodes: Sequence[Node], clock: Clock, changed: Callable[[], None]) -> None:
        check_graph(nodes)
        self._nodes = nodes
        self._units = [node for node in nodes if isinstance(node, Unit)]
        self._clock = clock
        self._changed = changed
        self._tracks = {unit.name: Track() for unit in self._units}
        self._done = {node.name: asyncio.Event() for node in nodes}
        self.ready = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Run everything until `stop` is set, then end it; raise DevstackError when the first start fails."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._care_for(node)) for node in self._nodes]
                tasks.append(group.create_task(self._announce()))
                await stop.wait()
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as failures:
            raise _reason(failures) from None
        finally:
            await self._stop_all()

    def members(self) -> tuple[Member, ...]:
        """How every unit is doing now."""
        return tuple(self._member(unit) for unit in self._units)

    async def _care_for(self, node: Node) -> None:
        for name in node.needs:
            await self._done[name].wait()
        if isinstance(node, Step):
            await node.run()
            self._done[node.name].set()
        else:
            await self._keep_running(node)

    async def _announce(self) -> None:
        for done in self._done.values():
            await done.wait()
        self.ready.set()
        self._changed()

    async def _keep_running(self, unit: Unit) -> None:
        self._enter(unit, Phase.preparing)
        await asyncio.to_thread(unit.managed.prepare)
        failures = 0
        while True:
            served_s = await self._serve(unit)
            failures = failures_after(failures, served_s)
            if not self._done[unit.name].is_set() and failures >= FIRST_START_ATTEMPTS:
                raise unit.managed.failure(f"failed {failures} times to start")
            self._tracks[unit.name].restarts += 1
            self._enter(unit, Phase.restarting)
            await asyncio.sleep(delay_before_restart(failures))

    async def _serve(self, unit: Unit) -> float:
        """Launch the process and stay until it has ended; the seconds for which it was ready."""
        self._enter(unit, Phase.starting)
        unit.managed.launch()
        self._tracks[unit.name].started_at = self._clock.now()
        if not await self._becomes_ready(unit):
            await asyncio.to_thread(unit.managed.stop)
            return 0.0
        self._done[unit.name].set()
        self._enter(unit, Phase.ready)
        since = time.monotonic()
        if process := unit.managed.process:
            await until_ended(process)
        return time.monotonic() - since

    async def _becomes_ready(self, unit: Unit) -> bool:
        deadline = time.monotonic() + READY_WITHIN_S
        while unit.managed.process and time.monotonic() < deadline:
            if await asyncio.to_thread(unit.managed.answers):
                return True
            await asyncio.sleep(READY_PAUSE_S)
        return False

    async def _stop_all(self) -> None:
        for group in stop_order(self._units):
            await asyncio.gather(*(self._stop(unit) for unit in group))

    async def _stop(self, unit: Unit) -> None:
        self._enter(unit, Phase.stopping)
        await asyncio.to_thread(unit.managed.stop)
        self._enter(unit, Phase.stopped)

    def _enter(self, unit: Unit, phase: Phase) -> None:
        self._tracks[unit.name].phase = phase
        self._changed()

    def _member(self, unit: Unit) -> Member:
        track, process = self._tracks[unit.name], unit.managed.process
        return Member(
            name=unit.name,
            phase=track.phase,
            address=unit.address,
            log=str(unit.managed.log),
            pid=process.pid if process else None,
            started_ticks=process.started if process else None,
            started_at=track.started_at,
            restarts=track.restarts,
        )


def _reason(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that says what to do, if there is one among them."""
    explained, rest = failures.split(DevstackError)
    return explained.exceptions[0] if explained and not rest else failures
