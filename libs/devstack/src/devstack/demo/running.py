"""The system under the demo: the one that runs here already, or one of its own that ends with it."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from devstack.errors import DevstackError
from devstack.locking import is_supervised
from devstack.paths import Layout
from devstack.processes import spawn
from devstack.state import State, read_state
from devstack.supervision.strays import end_strays

START_WITHIN_S = 150.0
LEAVE_WITHIN_S = 60.0
PAUSE_S = 0.05
LOG_TAIL_LINES = 12


@dataclass(frozen=True)
class Running:
    """A ready system; `ours` says that it ends with the demo."""

    state: State
    ours: bool


@asynccontextmanager
async def running_system(place: Layout, workers: int) -> AsyncGenerator[Running]:
    """A ready system for the block. One that runs already is used, and left running. Raises DevstackError."""
    if is_supervised(place.lock):
        yield Running(await _until_ready(place, None), ours=False)
        return
    place.state.unlink(missing_ok=True)
    # From the main thread, which lives as long as this process: the system ends with it even when it is killed.
    child = spawn(
        [sys.executable, "-P", "-m", "devstack", "supervise", "--workers", str(workers)],
        output=place.logs / "supervisor.log",
    )
    try:
        yield Running(await _until_ready(place, child), ours=True)
    finally:
        await asyncio.to_thread(_end, place, child)


async def _until_ready(place: Layout, child: subprocess.Popen[bytes] | None) -> State:
    log = place.logs / "supervisor.log"
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        state = read_state(place.state)
        if state and state.ready_at and state.is_supervised:
            return state
        if child is not None and child.poll() is not None:
            said = (state.reason if state else None) or _tail(place)
            raise DevstackError(f"the system did not start: {said}")
        await asyncio.sleep(PAUSE_S)
    raise DevstackError(f"the system was not ready within {START_WITHIN_S:g} s: see {log}")


def _end(place: Layout, child: subprocess.Popen[bytes]) -> None:
    state = read_state(place.state)
    child.terminate()
    try:
        child.wait(LEAVE_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    end_strays(str(place.mews), state)
    place.state.unlink(missing_ok=True)


def _tail(place: Layout) -> str:
    log = place.logs / "supervisor.log"
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]) if log.exists() else "no log"
