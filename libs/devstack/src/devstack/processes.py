"""Start and end operating-system processes without ever hitting a stranger.

A process is remembered by its id and its start time, because the kernel gives ids out again.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.privilege import Identity
from devstack.waiting import poll

LAUNCHER = Path(__file__).with_name("launch.py")
STOP_WITHIN_S = 10.0
KILL_WITHIN_S = 5.0


@dataclass(frozen=True)
class ProcessId:
    """One process for ever; `started` is its start in clock ticks since the machine's."""

    pid: int
    started: int


def spawn(
    command: Sequence[str],
    *,
    output: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    identity: Identity | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own with its output appended to `output`.

    It gets `death_signal` when the calling thread ends, even by SIGKILL: call from a thread that lives on.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("ab") as log:
        return subprocess.Popen(
            launched(command, identity=identity, death_signal=death_signal),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )


def launched(
    command: Sequence[str], *, identity: Identity | None = None, death_signal: signal.Signals = signal.SIGTERM
) -> list[str]:
    """Return `command` behind the launcher, to be started by this very process."""
    options = {
        "death_signal": int(death_signal),
        "parent": os.getpid(),
        "uid": identity.uid if identity else None,
        "gid": identity.gid if identity else None,
        "traverse": identity.traverse if identity else False,
    }
    return [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(options), *command]


def identify(pid: int) -> ProcessId | None:
    """Return the process that has this id now, or None (a zombie counts as gone)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, may hold anything; the numbered fields begin behind it with the state.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else ProcessId(pid, int(fields[19]))


def is_alive(process: ProcessId) -> bool:
    """Say whether this very process still runs."""
    return identify(process.pid) == process


async def until_ended(process: ProcessId) -> None:
    """Return when this very process has ended."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        if is_alive(process):
            await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def send(process: ProcessId, number: signal.Signals) -> None:
    """Signal this very process, if it still runs."""
    if not is_alive(process):
        return
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return


def stop(process: ProcessId, *, first: signal.Signals = signal.SIGTERM, within: float = STOP_WITHIN_S) -> None:
    """End the process and the rest of its group: `first`, then SIGKILL after `within` seconds. Idempotent."""
    members = group_of(process)
    if members:
        send(process, first)
        _wait_gone([process], within)
    end_now(members)


def end_now(processes: Sequence[ProcessId]) -> None:
    """Kill what still runs of `processes`, and wait for its end."""
    for process in processes:
        send(process, signal.SIGKILL)
    if left := _wait_gone(processes, KILL_WITHIN_S):
        raise TimeoutError(f"processes {[process.pid for process in left]} survive SIGKILL")


def group_of(leader: ProcessId) -> list[ProcessId]:
    """The leader and whoever is in the group that it leads; empty when the leader is gone."""
    if not is_alive(leader):
        return []
    others = [identify(pid) for pid in all_pids() if pid != leader.pid and _group_id(pid) == leader.pid]
    return [leader, *(process for process in others if process)]


def all_pids() -> list[int]:
    """Every process id of the machine."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _group_id(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _wait_gone(processes: Sequence[ProcessId], within: float) -> list[ProcessId]:
    poll(lambda: not any(is_alive(process) for process in processes), within)
    return [process for process in processes if is_alive(process)]
