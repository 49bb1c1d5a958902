"""Find and end processes that a system left behind: what it wrote down, and what carries its mark."""

import ctypes
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from devstack.processes import ProcessId, all_pids, end_now, identify, is_alive, send
from devstack.services import STACK_VARIABLE
from devstack.state import State
from devstack.waiting import poll

PR_SET_CHILD_SUBREAPER = 36
LEAVE_WITHIN_S = 10.0


def adopt_orphans() -> None:
    """Make this process the parent of whatever its descendants leave behind, so that it can be ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants() -> None:
    """Kill every process below this one."""
    # A process whose parent ends during one look has a parent that is seen only by the next.
    while below := _descendants(os.getpid()) or _descendants(os.getpid()):
        end_now(below)


def end_strays(mark: str, state: State | None) -> list[int]:
    """End what is left of the system with this mark, by force what does not leave soon; the ids of what was there."""
    left = _strays(mark, state)
    for process in left:
        send(process, signal.SIGTERM)
    poll(lambda: not any(is_alive(process) for process in left), LEAVE_WITHIN_S)
    end_now(left)
    return [process.pid for process in left]


def _strays(mark: str, state: State | None) -> list[ProcessId]:
    recorded = [member.process for member in state.members] if state else []
    marked = [identify(pid) for pid in all_pids() if pid != os.getpid() and _carries(pid, mark)]
    found = {process for process in (*recorded, *marked) if process and is_alive(process)}
    return sorted(found, key=lambda process: process.started, reverse=True)


def _carries(pid: int, mark: str) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{STACK_VARIABLE}={mark}".encode() in environment.split(b"\0")


def _descendants(pid: int) -> Sequence[ProcessId]:
    children = [child for child in all_pids() if _parent_of(child) == pid]
    found = [identify(child) for child in children]
    below = [process for child in children for process in _descendants(child)]
    return [*below, *(process for process in found if process)]


def _parent_of(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])
