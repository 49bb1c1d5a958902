"""Programs started in no time: forked from a parent that has imported them, for tests that do not test the start.

What is started is a real process and a child of the caller, to be killed, frozen and waited for like any other.
"""

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from json import dumps
from pathlib import Path

PARENT = Path(__file__).with_name("forking_parent.py")
PR_SET_CHILD_SUBREAPER = 36
ONE_AT_A_TIME = threading.Lock()


class Forked:
    """A child that was forked; what subprocess.Popen has, as far as tests need it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code (negative: by that signal), None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. Raises subprocess.TimeoutExpired."""
        if self.poll() is None:
            handle = os.pidfd_open(self.pid)
            select.select([handle], [], [], timeout)
            os.close(handle)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Signal it, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it with -9."""
        self.send_signal(signal.SIGKILL)


Started = Forked | subprocess.Popen[bytes]


def fork(
    module: str, *arguments: str, env: Mapping[str, str], stderr: int, cwd: str | os.PathLike[str] | None = None
) -> Started:
    """Start `python -m <module> <arguments>`; afresh, if Python itself is to begin in another way (PYTHONPATH)."""
    if env.get("PYTHONPATH") != os.environ.get("PYTHONPATH"):
        return subprocess.Popen([sys.executable, "-m", module, *arguments], env=env, stderr=stderr, cwd=cwd)
    request = {"arguments": arguments, "env": dict(env), "cwd": os.fspath(cwd or Path.cwd())}
    with ONE_AT_A_TIME, _adopting():
        door = _parent(module)
        socket.send_fds(door, [dumps(request).encode()], [stderr])
        answer = door.recv(64)
    if not answer:
        raise RuntimeError(f"{module} cannot be imported, or not be forked")
    return Forked(int(answer))


@contextmanager
def _adopting() -> Generator[None]:
    """What loses its parent becomes a child of this process meanwhile: who forks for it does so twice."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@cache
def _parent(module: str) -> socket.socket:
    """The way to the parent of a module's processes, which ends when this process does."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    there.set_inheritable(True)
    os.posix_spawn(sys.executable, [sys.executable, "-P", str(PARENT), str(there.fileno()), module], os.environ)
    there.close()
    return here
