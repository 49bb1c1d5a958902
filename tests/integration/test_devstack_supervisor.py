"""The supervisor with small processes of its own kind: order, restarts, failures, and nothing left behind."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devstack.errors import DevstackError
from devstack.managed import Managed
from devstack.processes import identify
from devstack.state import Member, Phase
from devstack.supervision.graph import Node, Step, Unit
from devstack.supervision.supervisor import Supervisor
from servicekit.clock import SystemClock
from tests.support.waiting import PATIENCE_S, eventually


class Sleeper(Managed):
    """Ready when it has written its file; may be told to `crash` at once, or to `hang` and never be ready."""

    def __init__(self, name: str, folder: Path, *, crash: bool = False, hang: bool = False) -> None:
        super().__init__(name, folder / f"{name}.log")
        self._ready = folder / f"{name}.ready"
        self._crash = crash
        self._hang = hang

    def command(self) -> Sequence[str]:
        script = f"open({str(self._ready)!r}, 'w').close(); import signal; signal.pause()"
        return [sys.executable, "-c", "print('cannot', flush=True); exit(3)" if self._crash else script]

    def clear_remains(self) -> None:
        self._ready.unlink(missing_ok=True)

    def answers(self) -> bool:
        return self._ready.exists() and not self._hang


def unit(managed: Managed, *needs: str, layer: int = 0) -> Unit:
    return Unit(managed, frozenset(needs), layer, "")


def supervisor(nodes: Sequence[Node]) -> Supervisor:
    return Supervisor(nodes, SystemClock(), changed=lambda: None)


@asynccontextmanager
async def running(under_test: Supervisor) -> AsyncIterator[None]:
    stop = asyncio.Event()
    run = asyncio.create_task(under_test.run(stop))
    try:
        async with asyncio.timeout(PATIENCE_S):
            await under_test.ready.wait()
        yield
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await run


def member(under_test: Supervisor, name: str) -> Member:
    return next(one for one in under_test.members() if one.name == name)


async def test_a_part_starts_only_when_what_it_needs_is_ready(tmp_path: Path):
    seen: list[Phase] = []

    async def look() -> None:
        seen.extend(one.phase for one in under_test.members())

    base, later = Sleeper("base", tmp_path), Sleeper("later", tmp_path)
    under_test = supervisor([unit(later, "look"), Step("look", frozenset({"base"}), look), unit(base)])
    async with running(under_test):
        assert seen == [Phase.waiting, Phase.ready]
        assert {one.phase for one in under_test.members()} == {Phase.ready}


async def test_a_process_that_dies_is_started_again(tmp_path: Path):
    under_test = supervisor([unit(Sleeper("base", tmp_path))])
    async with running(under_test):
        first = member(under_test, "base").pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: member(under_test, "base").restarts == 1)
        await eventually(lambda: member(under_test, "base").phase is Phase.ready)
        assert member(under_test, "base").pid != first


async def test_stopping_leaves_no_process(tmp_path: Path):
    under_test = supervisor([unit(Sleeper("a", tmp_path)), unit(Sleeper("b", tmp_path), layer=1)])
    async with running(under_test):
        pids = [one.pid for one in under_test.members()]
        assert all(pid and identify(pid) for pid in pids)
    assert not any(pid and identify(pid) for pid in pids)
    assert {one.phase for one in under_test.members()} == {Phase.stopped}


async def test_stopping_during_the_start_leaves_no_process_either(tmp_path: Path):
    hung = Sleeper("hung", tmp_path, hang=True)
    under_test = supervisor([unit(Sleeper("base", tmp_path)), unit(hung, "base")])
    stop = asyncio.Event()
    run = asyncio.create_task(under_test.run(stop))
    process = await eventually(lambda: hung.process)
    stop.set()
    async with asyncio.timeout(PATIENCE_S):
        await run
    assert identify(process.pid) is None


async def test_a_part_that_never_starts_ends_the_whole_with_the_end_of_its_log(tmp_path: Path):
    base = Sleeper("base", tmp_path)
    under_test = supervisor([unit(base), unit(Sleeper("broken", tmp_path, crash=True), "base")])
    with pytest.raises(DevstackError, match=r"broken failed 3 times to start[\s\S]*cannot"):
        async with asyncio.timeout(PATIENCE_S):
            await under_test.run(asyncio.Event())
    assert base.process is None


async def test_a_step_that_fails_says_why(tmp_path: Path):
    async def fail() -> None:
        raise DevstackError("the disk is full")

    under_test = supervisor([unit(Sleeper("base", tmp_path)), Step("fail", frozenset({"base"}), fail)])
    with pytest.raises(DevstackError, match="the disk is full"):
        await under_test.run(asyncio.Event())
