"""The supervisor of one command: a small program of its own, started as `python -I -S launch.py <control fd>`.

It is the parent of the command and the reaper of everything that the command leaves behind, so nothing gets out of
the tree by double-forking. It talks to the sandbox by lines of JSON on a socket: first comes what to start; then it
says `started` or `failed`, takes orders (`signal`, `stop`), and in the end says `exited`, when nothing of the
tree is left. If the socket closes, the sandbox has died, and it kills everything.
It imports the standard library alone.
"""

import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
SWEEP_MS = 10
FREEZE_ROUNDS = 20
CANNOT_EXECUTE = 127


class Supervisor:
    """One command, from its start until nothing of it is left."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.received = b""
        self.connected = True
        self.main_pid = 0
        self.main_status: int | None = None
        self.kill_at: float | None = None

    def run(self) -> None:
        """Start the command and stay until its whole tree is gone."""
        spec = self._first_order()
        if spec is None:
            return
        wake = _wake_on_child_signals()
        failure = self._start(spec)
        if failure is not None:
            self._say({"is": "failed", **failure})
            return
        self._say({"is": "started", "pid": self.main_pid})
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        poll.register(self.control, select.POLLIN)
        while self._step(poll, wake):
            pass
        self._kill_all()
        self._say({"is": "exited", "status": self.main_status, **_children_usage()})

    def _start(self, spec: dict[str, Any]) -> dict[str, Any] | None:
        """Fork and execute; return what went wrong, or None."""
        readable, writable = os.pipe()
        self.main_pid = os.fork()
        if self.main_pid == 0:
            _become_command(spec, writable)
        os.close(writable)
        with os.fdopen(readable, "rb") as pipe:
            failure = pipe.read()
        if failure:
            os.waitpid(self.main_pid, 0)
            return json.loads(failure)
        _let_go_of_standard_streams()
        return None

    def _step(self, poll: select.poll, wake: int) -> bool:
        """Wait for one thing to happen, deal with it, and say whether to go on."""
        ready = [descriptor for descriptor, _ in poll.poll(self._wait_ms())]
        if wake in ready:
            os.read(wake, 4096)
        if self.control.fileno() in ready:
            self._take_orders()
        alive = self._reap()
        if not self.connected or not alive:
            return False
        if self.kill_at is None:
            return self.main_status is None
        return time.monotonic() < self.kill_at

    def _wait_ms(self) -> int | None:
        return None if self.kill_at is None else max(0, int((self.kill_at - time.monotonic()) * 1000) + 1)

    def _reap(self) -> bool:
        """Collect the dead; whether any child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.main_pid:
                self.main_status = status

    def _first_order(self) -> dict[str, Any] | None:
        while b"\n" not in self.received:
            data = self.control.recv(65536)
            if not data:
                return None
            self.received += data
        line, _, self.received = self.received.partition(b"\n")
        return json.loads(line)

    def _take_orders(self) -> None:
        try:
            data = self.control.recv(65536)
        except ConnectionError:
            data = b""
        self.connected = bool(data)
        *lines, self.received = (self.received + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, order: dict[str, Any]) -> None:
        if order["do"] == "signal":
            # The main pid is unreaped as long as main_status is None, so the group cannot be another's.
            if self.main_status is None:
                _signal_quietly(-self.main_pid, order["number"])
        elif order["do"] == "stop":
            self._stop(order["grace_ms"])

    def _stop(self, grace_ms: int) -> None:
        kill_at = time.monotonic() + grace_ms / 1000
        self.kill_at = kill_at if self.kill_at is None else min(self.kill_at, kill_at)
        if grace_ms > 0:
            for pid in _descendants():
                _signal_quietly(pid, signal.SIGTERM)
                _signal_quietly(pid, signal.SIGCONT)

    def _kill_all(self) -> None:
        """Kill every descendant and collect it, until none is left.

        They are stopped first, round after round, so that one which forks faster than we kill cannot get away.
        """
        while self._reap():
            frozen: set[int] = set()
            for _ in range(FREEZE_ROUNDS):
                fresh = _descendants() - frozen
                for pid in fresh:
                    _signal_quietly(pid, signal.SIGSTOP)
                frozen |= fresh
                if not fresh:
                    break
            for pid in frozen:
                _signal_quietly(pid, signal.SIGKILL)
            select.select([], [], [], SWEEP_MS / 1000)

    def _say(self, message: dict[str, Any]) -> None:
        try:
            self.control.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self.connected = False


def _become_command(spec: dict[str, Any], failure_fd: int) -> None:
    """Turn this forked process into the command; never returns."""
    step = "start"
    try:
        os.setsid()
        _restore_signals()
        step = "enter the folder"
        _enter(spec["cwd"], spec["root"])
        step = "limit the process"
        for name, value in spec["rlimits"].items():
            _limit(getattr(resource, name), value)
        _offer_to_the_oom_killer()
        os.umask(0o022)
        step = f"execute {spec['argv'][0]!r}"
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])
    except (OSError, ValueError) as error:
        os.write(failure_fd, json.dumps({"step": step, "message": _describe(error)}).encode())
    finally:
        os._exit(CANNOT_EXECUTE)


def _describe(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _restore_signals() -> None:
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)


def _enter(folder: str, root: str) -> None:
    """Change into the folder, and make sure by what the kernel says that it is below the root."""
    os.chdir(folder)
    here = os.getcwd()
    if here != root and not here.startswith(root + "/"):
        raise ValueError("the folder is not below the workspace")


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (limit, limit))


def _offer_to_the_oom_killer() -> None:
    """When memory runs out, the kernel shall take the command and not the sandbox."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        return


def _let_go_of_standard_streams() -> None:
    """Keep no end of the command's pipes, so that they close with the last process that writes to them."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _wake_on_child_signals() -> int:
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    return readable


def _children_usage() -> dict[str, int]:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"cpu_ms": int((usage.ru_utime + usage.ru_stime) * 1000), "largest_kb": usage.ru_maxrss}


def _descendants() -> set[int]:
    """Pids of everything below this process."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            children.setdefault(_parent_of(name), []).append(int(name))
    found: set[int] = set()
    rest = list(children.get(os.getpid(), ()))
    while rest:
        pid = rest.pop()
        found.add(pid)
        rest.extend(children.get(pid, ()))
    return found


def _parent_of(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _signal_quietly(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    Supervisor(control).run()


if __name__ == "__main__":
    _main()
