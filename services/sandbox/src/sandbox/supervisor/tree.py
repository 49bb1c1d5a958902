"""A tree of processes: finding it, and stopping, waking, limiting and killing all of it.

The sandbox itself uses this too, for what has lost its supervisor.
"""

import os
import resource
import signal
import time
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

FREEZE_ROUNDS = 50
SETTLE_S = 0.001
STANDING = "TtZX"
WAITS_FOR_DISK = "D"


class Member(NamedTuple):
    """One process of a tree; `state` is the kernel's letter for what it does."""

    pid: int
    parent: int
    state: str


def below(roots: Collection[int]) -> list[Member]:
    """Everything below these processes, parents before their children."""
    children: dict[int, list[Member]] = {}
    for member in _everything():
        children.setdefault(member.parent, []).append(member)
    found: list[Member] = []
    rest = [child for root in roots for child in children.get(root, ())]
    while rest:
        found += rest
        rest = [child for member in rest for child in children.get(member.pid, ())]
    return found


def freeze(roots: Collection[int]) -> list[int]:
    """Stop everything below these processes; the pids that this stopped, parents first.

    Round after round, until none is found that moves: one that forks faster than we look cannot get away. What had been
    stopped before is left out, so that it is not woken with the rest.
    """
    stopped: dict[int, None] = {}
    for _ in range(FREEZE_ROUNDS):
        moving = [member.pid for member in below(roots) if _moves(member, stopped)]
        if not moving:
            break
        for pid in moving:
            signal_quietly(pid, signal.SIGSTOP)
        stopped |= dict.fromkeys(moving)
        time.sleep(SETTLE_S)
    return list(stopped)


def thaw(pids: list[int]) -> None:
    """Let them go on, children first: no parent shall see a child that is stopped."""
    for pid in reversed(pids):
        signal_quietly(pid, signal.SIGCONT)


def kill(roots: Collection[int]) -> None:
    """Kill everything below these processes, once."""
    freeze(roots)
    for member in below(roots):
        signal_quietly(member.pid, signal.SIGKILL)


def limit(roots: Collection[int], limits: Mapping[str, int]) -> None:
    """Give everything below these processes new soft limits, as far as their hard ones allow."""
    seen: set[int] = set()
    for _ in range(FREEZE_ROUNDS):
        fresh = {member.pid for member in below(roots)} - seen
        for pid in fresh:
            _limit_one(pid, limits)
        seen |= fresh
        if not fresh:
            return


def signal_quietly(pid: int, number: int) -> None:
    """Signal a process, or a group by its negative number; no error if it is gone."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _moves(member: Member, stopped: Collection[int]) -> bool:
    """A stop that was sent takes effect at once, except in a process that waits for the disk, or for its vfork."""
    if member.state == WAITS_FOR_DISK:
        return member.pid not in stopped
    return member.state not in STANDING


def _limit_one(pid: int, limits: Mapping[str, int]) -> None:
    for name, value in limits.items():
        kind = getattr(resource, name)
        try:
            _, hard = resource.prlimit(pid, kind)
            soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.prlimit(pid, kind, (soft, hard))
        except (ProcessLookupError, PermissionError):
            return


def _everything() -> Iterator[Member]:
    for name in os.listdir("/proc"):
        member = _read(name) if name.isdigit() else None
        if member is not None:
            yield member


def _read(pid: str) -> Member | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, parent, *_ = file.read().rpartition(b")")[2].split(maxsplit=2)
    except (OSError, ValueError):
        return None
    return Member(int(pid), int(parent), state.decode())
