import os
import subprocess
import sys

from contracts.sandbox import ProcessUsage
from sandbox.processes import procfs
from sandbox.processes.procfs import PAGE_BYTES, TICK_MS, ProcessStat

LINE = (
    b"42 (a) name (with ) brackets) S 7 42 40 0 -1 4194560 100 0 0 0 10 5 3 2 20 0 4 0 12345 1000000 300 "
    b"18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n"
)
ZERO = ProcessUsage(cpu_ms=0, memory_mb=0, memory_peak_mb=0, processes=0, output_bytes=0)


def stat(pid: int, parent: int, **values: object) -> ProcessStat:
    return ProcessStat(pid, parent, 1, "S", 0, 0, 1, 0)._replace(**values)  # pyright: ignore[reportArgumentType]


def test_a_name_with_brackets_does_not_confuse_the_reader() -> None:
    assert procfs.parse(LINE) == ProcessStat(42, 7, 40, "S", 15 * TICK_MS, 5 * TICK_MS, 4, 300 * PAGE_BYTES, 12345)


def test_descendants_are_found_through_generations() -> None:
    children = procfs.children_by_parent([stat(2, 1), stat(3, 2), stat(4, 3), stat(5, 1), stat(6, 9)])
    assert sorted(found.pid for found in procfs.descendants(2, children)) == [3, 4]
    assert procfs.supervisor_of(1, 2, children) == 3
    assert procfs.supervisor_of(5, 1, children) is None


def test_use_is_added_up_and_the_dead_count_for_their_time_only() -> None:
    tree = [
        stat(2, 1, cpu_ms=100, collected_ms=20, memory_bytes=3 * 1024 * 1024),
        stat(3, 2, cpu_ms=50, state="Z", memory_bytes=0),
    ]
    used = procfs.usage_of(tree, ZERO, 7)
    assert (used.cpu_ms, used.memory_mb, used.memory_peak_mb, used.processes) == (177, 3, 3, 1)


def test_time_and_peak_never_fall() -> None:
    before = ZERO.model_copy(update={"cpu_ms": 500, "memory_peak_mb": 9})
    used = procfs.usage_of([stat(2, 1, cpu_ms=10)], before, 0)
    assert (used.cpu_ms, used.memory_peak_mb) == (500, 9)


def test_a_scan_sees_this_process_and_its_child() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        seen = procfs.scan()
        assert seen[child.pid].parent == os.getpid()
        assert seen[os.getpid()].memory_bytes > 1024 * 1024
        child.communicate(b"\n")


def test_threads_of_the_own_user_are_counted() -> None:
    assert procfs.tasks_of_user(os.getuid()) >= 1
    assert procfs.tasks_of_user(4_000_000_000) == 0
