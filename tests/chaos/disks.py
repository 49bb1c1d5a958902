"""A disk for each worker, which can be filled: a small tmpfs, or where that is not allowed a limit on files."""

import os
import resource
import subprocess
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

SIZE_MB = 48
FILLER = "filler"
BLOCK = b"\0" * 65_536
TINY_BYTES = 4_096


class Disk(ABC):
    """Where a worker keeps its spool and journal."""

    kind: str

    @abstractmethod
    def fill(self, pid: int) -> None:
        """Let nothing more be written by the worker-agent with this process id."""

    @abstractmethod
    def empty(self, pid: int | None) -> None:
        """Let everything be written again."""

    def close(self) -> None:
        """Give it back."""
        return


class Tmpfs(Disk):
    """A file system in memory: full is full (ENOSPC)."""

    kind = "tmpfs"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self, pid: int) -> None:
        """Write until there is no room."""
        with suppress(OSError), (self._folder / FILLER).open("ab", buffering=0) as file:
            while file.write(BLOCK) == len(BLOCK):
                pass

    def empty(self, pid: int | None) -> None:
        """Remove what fills it."""
        (self._folder / FILLER).unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount."""
        subprocess.run(["umount", "-l", str(self._folder)], check=False, capture_output=True)


class Limited(Disk):
    """A limit on the size of the process's files, lowered while it runs (EFBIG)."""

    kind = "rlimit"

    def __init__(self) -> None:
        self._hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    def fill(self, pid: int) -> None:
        """Lower the limit of the running process."""
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (TINY_BYTES, self._hard))

    def empty(self, pid: int | None) -> None:
        """Raise it again; a process that was started since then never had it."""
        if pid is not None:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (self._hard, self._hard))


def make_disk(folder: Path) -> Disk:
    """A disk mounted at the folder, if this machine allows it."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=700", "mews-chaos", str(folder)]
    if os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0:
        return Tmpfs(folder)
    return Limited()
