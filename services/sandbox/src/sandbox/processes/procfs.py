"""What the kernel says of processes, from `/proc`: one scan gives the state of all."""

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from contracts.sandbox import ProcessUsage

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
MB = 1024 * 1024


class ProcessStat(NamedTuple):
    """One process; `collected_ms` is the CPU time of the children that it has waited for, `born` counts clock ticks."""

    pid: int
    parent: int
    session: int
    state: str
    cpu_ms: float
    collected_ms: float
    threads: int
    memory_bytes: int
    born: int = 0


def scan() -> dict[int, ProcessStat]:
    """Every process there is, by pid."""
    stats = (_read(name) for name in os.listdir("/proc") if name.isdigit())
    return {stat.pid: stat for stat in stats if stat is not None}


def tasks_of_user(uid: int) -> int:
    """Threads of all processes of this user: what the kernel compares with `RLIMIT_NPROC`."""
    return sum(stat.threads for stat in scan().values() if _owner(stat.pid) == uid)


def born(pid: int) -> int:
    """When a process was started, in ticks since the machine was; 0 if it is gone."""
    stat = _read(str(pid))
    return 0 if stat is None else stat.born


def parse(line: bytes) -> ProcessStat:
    """Read a line of `/proc/<pid>/stat`; the name in it may hold anything, so it is cut at its last bracket."""
    head, _, tail = line.rpartition(b")")
    values = tail.split()
    user, system, children_user, children_system = (int(value) for value in values[11:15])
    return ProcessStat(
        pid=int(head.split(b" ", 1)[0]),
        parent=int(values[1]),
        session=int(values[3]),
        state=values[0].decode(),
        cpu_ms=(user + system) * TICK_MS,
        collected_ms=(children_user + children_system) * TICK_MS,
        threads=int(values[17]),
        memory_bytes=int(values[21]) * PAGE_BYTES,
        born=int(values[19]),
    )


def children_by_parent(stats: Iterable[ProcessStat]) -> dict[int, list[ProcessStat]]:
    """The direct children of each process that has any."""
    children: dict[int, list[ProcessStat]] = {}
    for stat in stats:
        children.setdefault(stat.parent, []).append(stat)
    return children


def supervisor_of(root: int, depth: int, children: Mapping[int, list[ProcessStat]]) -> int | None:
    """The pid `depth` generations below the root (bubblewrap stands in between), or None while it is not there."""
    for _ in range(depth):
        if not children.get(root):
            return None
        root = children[root][0].pid
    return root


def descendants(root: int, children: Mapping[int, list[ProcessStat]]) -> list[ProcessStat]:
    """Everything below a process."""
    found: list[ProcessStat] = []
    rest = list(children.get(root, ()))
    while rest:
        stat = rest.pop()
        found.append(stat)
        rest.extend(children.get(stat.pid, ()))
    return found


def usage_of(tree: Iterable[ProcessStat], before: ProcessUsage, collected_ms: float) -> ProcessUsage:
    """What a tree uses now; `collected_ms` is the CPU time of what its supervisor has waited for. It never falls."""
    tree = list(tree)
    living = [stat for stat in tree if stat.state not in ("Z", "X")]
    memory = round(sum(stat.memory_bytes for stat in living) / MB, 3)
    return ProcessUsage(
        cpu_ms=max(before.cpu_ms, int(sum(stat.cpu_ms + stat.collected_ms for stat in tree) + collected_ms)),
        memory_mb=memory,
        memory_peak_mb=max(before.memory_peak_mb, memory),
        processes=len(living),
        output_bytes=before.output_bytes,
        disk_mb=before.disk_mb,
    )


def _read(pid: str) -> ProcessStat | None:
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            return parse(file.read(4096))
    except (OSError, ValueError, IndexError):
        return None


def _owner(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None
