"""The workers of this machine as a fleet: seen and restarted through the supervisor's socket."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from sys import executable

import pytest

from devstack.managed import Managed
from devstack.supervision.door import FleetDoor
from devstack.supervision.graph import Unit
from devstack.supervision.supervisor import Supervisor
from orchestrator.domain import Instance
from orchestrator.errors import FleetAway, FleetRefused
from orchestrator.fleets.local import LocalFleet
from servicekit.clock import SystemClock
from tests.support.waiting import PATIENCE_S, eventually


class Program(Managed):
    """Ready when it has written its file; deaf to SIGTERM if it is told so."""

    def __init__(self, name: str, folder: Path, *, deaf: bool = False) -> None:
        super().__init__(name, folder / f"{name}.log")
        self._ready = folder / f"{name}.ready"
        self._deaf = deaf

    def command(self) -> Sequence[str]:
        deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " if self._deaf else ""
        script = f"import signal; {deaf}open({str(self._ready)!r}, 'w').close()\nwhile True: signal.pause()"
        return [executable, "-c", script]

    def clear_remains(self) -> None:
        self._ready.unlink(missing_ok=True)

    def answers(self) -> bool:
        return self._ready.exists()


@asynccontextmanager
async def a_machine(folder: Path, *programs: Program) -> AsyncIterator[LocalFleet]:
    units = [Unit(program, frozenset(), 0, "") for program in programs]
    supervisor, stop = Supervisor(units, SystemClock(), changed=lambda: None), asyncio.Event()
    async with FleetDoor(supervisor.members, leave_within_s=0.2).open(folder / "fleet.sock"):
        run = asyncio.create_task(supervisor.run(stop))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await supervisor.ready.wait()
            yield LocalFleet(str(folder / "fleet.sock"))
        finally:
            stop.set()
            await run


async def ready(fleet: LocalFleet, *but: Instance) -> dict[str, Instance]:
    """The workers once all are ready, and none is one of these."""

    async def found() -> dict[str, Instance] | None:
        seen = (await fleet.look()).instances
        fine = all(one.is_ready for one in seen) and not {one.instance for one in seen} & {one.instance for one in but}
        return {one.worker_id: one for one in seen} if fine else None

    answer = await eventually(found)
    assert answer is not None
    return answer


async def test_a_worker_is_restarted_by_its_instance_and_no_other_process_in_its_place(tmp_path: Path) -> None:
    deaf = Program("worker-2", tmp_path, deaf=True)
    async with a_machine(tmp_path, Program("worker-1", tmp_path), deaf, Program("sandbox-1", tmp_path)) as fleet:
        before = await ready(fleet)
        assert sorted(before) == ["worker-1", "worker-2"]
        assert (await fleet.look())[:2] == (2, None)
        for one in before.values():
            await fleet.end(one)
            await fleet.end(one)
        after = await ready(fleet, *before.values())
        for one in before.values():
            await fleet.end(one)
        assert await ready(fleet) == after


async def test_a_worker_that_is_not_running_is_shown_with_what_it_does(tmp_path: Path) -> None:
    async with a_machine(tmp_path, Program("worker-1", tmp_path)) as fleet:
        (first,) = (await ready(fleet)).values()
        os.kill(int(first.instance.split("-")[0]), signal.SIGKILL)

        async def down() -> bool:
            (one,) = (await fleet.look()).instances
            return (one.is_ready, one.reason) in [(False, "restarting"), (False, "starting")]

        await eventually(down)
        await ready(fleet, first)


async def test_what_a_machine_cannot_do_is_said(tmp_path: Path) -> None:
    async with a_machine(tmp_path, Program("worker-1", tmp_path)) as fleet:
        with pytest.raises(FleetAway, match=r"no worker 'worker-9' here; there are worker-1"):
            await fleet.end(Instance("worker-9", "1-1", is_ready=True))
        with pytest.raises(FleetRefused, match="mews up --workers"):
            await fleet.scale(3, "")
    with pytest.raises(FleetAway, match="does not answer"):
        await fleet.look()
