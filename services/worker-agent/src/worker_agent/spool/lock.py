"""One worker-agent a data folder: two would write over each other."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from worker_agent.errors import SpoolUnavailable

NAME = "lock"


@contextmanager
def folder_lock(folder: Path) -> Generator[None]:
    """Hold the folder while the block runs; the kernel lets go of it when this process ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SpoolUnavailable(f"another worker-agent uses {folder}; give each its own DATA_DIR") from error
        yield
    finally:
        os.close(descriptor)
