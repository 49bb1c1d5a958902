"""One supervisor for each project folder."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from devstack.errors import DevstackError


@contextmanager
def sole_supervisor(lock: Path) -> Generator[None]:
    """Hold the lock, which the kernel frees when this process ends in whatever way."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DevstackError("another supervisor runs here: `mews status` shows it, `mews down` stops it") from None
        yield


def is_supervised(lock: Path) -> bool:
    """Say whether a supervisor holds the lock."""
    if not lock.exists():
        return False
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
