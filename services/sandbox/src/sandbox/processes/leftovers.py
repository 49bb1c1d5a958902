"""What a sandbox that was killed may have left running: found by what it wrote down, and killed before anything else.

A supervisor kills its tree when the sandbox dies, so there is something left only when a task has killed or stopped its
supervisor as well. Then it is known by its root, or by its HOME, which is in a workspace.
"""

import logging
import os
import signal
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from sandbox.logs import fields
from sandbox.processes import procfs
from sandbox.processes.records import Record
from sandbox.supervisor import tree

PATIENCE_S = 10
PAUSE_S = 0.02
MOST_ENVIRONMENT = 1024 * 1024

log = logging.getLogger(__name__)


def end_leftovers(records: Collection[Record], workspace_root: Path) -> None:
    """Kill what is left of these processes, and return when it is gone."""
    roots = {(record.root_pid, record.root_born) for record in records}
    give_up_at = time.monotonic() + PATIENCE_S
    while pids := list(_found(roots, workspace_root)):
        if time.monotonic() > give_up_at:
            log.critical("processes of an earlier sandbox cannot be killed", extra=fields(pids=pids))
            return
        for pid in pids:
            tree.signal_quietly(pid, signal.SIGSTOP)
        tree.kill(pids)
        for pid in pids:
            tree.signal_quietly(pid, signal.SIGKILL)
        time.sleep(PAUSE_S)


def _found(roots: Collection[tuple[int, int]], workspace_root: Path) -> Iterator[int]:
    home = b"HOME=" + os.fsencode(workspace_root) + b"/"
    for pid, stat in procfs.scan().items():
        if stat.state in ("Z", "X") or pid == os.getpid():
            continue
        if (pid, stat.born) in roots or any(entry.startswith(home) for entry in _environment(pid)):
            yield pid


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read(MOST_ENVIRONMENT).split(b"\0")
    except OSError:
        return []
