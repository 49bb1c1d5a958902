"""Processes that are kept running, and know which of their ends were wanted."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import TimeoutExpired

from devstack.managed import Managed
from devstack.processes import ProcessId, group_of, is_alive, send, until_ended
from devstack.supervision.graph import Node, Step, Unit
from tests.chaos.moments import wall

PAUSE_S = 0.3
STEP_TRIES = 4
LOOK_EVERY_S = 0.05
READY_WITHIN_S = 600.0
"""A machine that does much else starts two dozen processes slowly."""


@dataclass(frozen=True)
class End:
    """How a process ended. `wanted`: the run itself has ended it."""

    name: str
    at: float
    code: int | None
    wanted: bool


@dataclass(frozen=True)
class Stop:
    """How long a process took to end after SIGTERM; `forced` where it had to be killed."""

    name: str
    at: float
    took_s: float
    forced: bool
    code: int | None


class Kept:
    """One process: started again when it ends, unless it is held down."""

    def __init__(self, managed: Managed) -> None:
        self.managed = managed
        self.ready = asyncio.Event()
        self.ends: list[End] = []
        self.may_run = asyncio.Event()
        self.may_run.set()
        self._wanted: set[ProcessId] = set()
        self._frozen: list[ProcessId] = []

    @property
    def name(self) -> str:
        """The name of the process."""
        return self.managed.name

    async def keep(self) -> None:
        """Run it again and again, until cancelled."""
        while True:
            await self.may_run.wait()
            # In a thread first: what a killed server leaves may take seconds to end.
            await asyncio.to_thread(self.managed.clear_remains)
            if not self.may_run.is_set():
                continue
            self.managed.launch()
            process = self.managed.process
            looking = asyncio.create_task(self._look())
            if process is not None:
                await until_ended(process)
            looking.cancel()
            self.ready.clear()
            self.ends.append(End(self.name, wall(), self.managed.exit_code, process in self._wanted))
            await asyncio.sleep(PAUSE_S)

    def kill(self) -> bool:
        """End it with SIGKILL; whether it ran."""
        process = self.managed.process
        if process is None:
            return False
        self._wanted.add(process)
        self.ready.clear()
        send(process, signal.SIGKILL)
        return True

    async def stop(self, within: float) -> Stop | None:
        """End it with SIGTERM, by force after so many seconds; None if it did not run."""
        process = self.managed.process
        if process is None or self._frozen:
            return None
        self._wanted.add(process)
        self.ready.clear()
        begun, forced = time.monotonic(), False
        send(process, signal.SIGTERM)
        try:
            await asyncio.wait_for(until_ended(process), within)
        except TimeoutError:
            forced = True
            send(process, signal.SIGKILL)
            await until_ended(process)
        return Stop(self.name, wall(), round(time.monotonic() - begun, 2), forced, self.managed.exit_code)

    def freeze(self) -> bool:
        """Stop it where it stands, with its children; whether it ran."""
        process = self.managed.process
        if process is None or self._frozen:
            return False
        self._frozen = group_of(process)
        for one in self._frozen:
            send(one, signal.SIGSTOP)
        return True

    def thaw(self) -> None:
        """Let it go on."""
        for one in self._frozen:
            send(one, signal.SIGCONT)
        self._frozen = []

    async def _look(self) -> None:
        while not await asyncio.to_thread(self.managed.answers):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)
        self.ready.set()


class Keeper:
    """All processes of a system, begun in the order of their needs."""

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes
        self.kept = {node.name: Kept(node.managed) for node in nodes if isinstance(node, Unit)}
        self._done = {name: asyncio.Event() for name in {*self.kept, *(node.name for node in nodes)}}
        self._tasks: list[asyncio.Task[None]] = []

    def __getitem__(self, name: str) -> Kept:
        return self.kept[name]

    @property
    def ends(self) -> list[End]:
        """All ends so far, in order."""
        return sorted((end for kept in self.kept.values() for end in kept.ends), key=lambda end: end.at)

    async def start(self, needs_of: dict[str, str]) -> None:
        """Start everything and wait until it is ready; `needs_of` maps names in `needs` to the names used here."""
        beginnings = [asyncio.create_task(self._begin(node, needs_of)) for node in self._nodes]
        async with asyncio.timeout(READY_WITHIN_S):
            await asyncio.gather(*beginnings)

    async def all_ready(self, but: frozenset[str] = frozenset()) -> None:
        """Return when every process is ready."""
        for name, kept in self.kept.items():
            if name not in but:
                await kept.ready.wait()

    async def close(self) -> None:
        """End everything, what was started last first."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        units = [node for node in self._nodes if isinstance(node, Unit)]
        for layer in sorted({unit.layer for unit in units}, reverse=True):
            mine = [self.kept[unit.name] for unit in units if unit.layer == layer]
            for kept in mine:
                kept.thaw()
            await asyncio.gather(*(asyncio.to_thread(kept.managed.stop) for kept in mine))

    async def _begin(self, node: Node, needs_of: dict[str, str]) -> None:
        for need in node.needs:
            await self._done[needs_of.get(need, need)].wait()
        if isinstance(node, Step):
            await _done(node)
        else:
            kept = self.kept[node.name]
            await asyncio.to_thread(node.managed.prepare)
            self._tasks.append(asyncio.create_task(kept.keep(), name=f"keep-{node.name}"))
            await kept.ready.wait()
        self._done[node.name].set()


async def _done(step: Step) -> None:
    """Do it, again if a busy machine gave it too little time: devstack allows a minute."""
    for _ in range(STEP_TRIES - 1):
        with suppress(TimeoutExpired):
            return await step.run()
    return await step.run()


def alive(pid: int, ticks: int) -> bool:
    """Whether this very process still runs."""
    return is_alive(ProcessId(pid, ticks))


def marked_with(mark: str) -> list[tuple[int, str]]:
    """Processes other than this one that have `mark` in environment, command line or working folder: id and command."""
    found: list[tuple[int, str]] = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid() and (command := _command_with(Path("/proc") / name, mark)):
            found.append((int(name), command))
    return found


def _command_with(place: Path, mark: str) -> str | None:
    try:
        command = (place / "cmdline").read_bytes()
        told = (command, (place / "environ").read_bytes(), os.readlink(place / "cwd").encode())
    except OSError:
        return None
    if not command or not any(mark.encode() in part for part in told):
        return None
    return command.replace(b"\0", b" ").decode(errors="replace")[:200]
