"""The supervisor of one command: its parent, and the reaper of everything that it leaves behind.

Nothing gets out of the tree by double-forking. It talks to the sandbox by lines of JSON on a socket: first comes what
to start; then it says `started` or `failed`, takes orders, and in the end says `exited`, when nothing of the tree is
left. It says `done` to `pause`, `resume` and `limit`, in their order; `signal` and `stop` have no answer. If the socket
closes, the sandbox has died, and it kills everything.
"""

import ctypes
import json
import os
import resource
import select
import signal
import socket
import time
from typing import Any

from sandbox.supervisor import tree
from sandbox.supervisor.command import PR_SET_DUMPABLE, become

PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
SWEEP_S = 0.01


class Supervisor:
    """One command, from its start until nothing of it is left."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.received = b""
        self.connected = True
        self.here = (os.getpid(),)
        self.main_pid = 0
        self.main_status: int | None = None
        self.kill_at: float | None = None
        self.paused: list[int] = []

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
            become(spec, writable)
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
        match order["do"]:
            case "signal":
                self._signal(order["number"])
            case "stop":
                self._stop(order["grace_ms"])
            case "pause":
                self._pause()
            case "resume":
                self._resume()
            case _:
                tree.limit(self.here, order["rlimits"])
        if order["do"] not in ("signal", "stop"):
            self._say({"is": "done"})

    def _signal(self, number: int) -> None:
        # The main pid is unreaped as long as main_status is None, so the group cannot be another's.
        if self.main_status is None:
            tree.signal_quietly(-self.main_pid, number)

    def _pause(self) -> None:
        if self.kill_at is None:
            self.paused += tree.freeze(self.here)

    def _resume(self) -> None:
        living = {member.pid for member in tree.below(self.here)}
        tree.thaw([pid for pid in self.paused if pid in living])
        self.paused.clear()

    def _stop(self, grace_ms: int) -> None:
        kill_at = time.monotonic() + grace_ms / 1000
        self.kill_at = kill_at if self.kill_at is None else min(self.kill_at, kill_at)
        if grace_ms > 0:
            for member in tree.below(self.here):
                tree.signal_quietly(member.pid, signal.SIGTERM)
                tree.signal_quietly(member.pid, signal.SIGCONT)

    def _kill_all(self) -> None:
        """Kill every descendant and collect it, until none is left."""
        while self._reap():
            tree.kill(self.here)
            time.sleep(SWEEP_S)

    def _say(self, message: dict[str, Any]) -> None:
        try:
            self.control.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self.connected = False


def supervise(control_fd: int) -> None:
    """Be a supervisor, until its command and all that it started is gone."""
    control = socket.socket(fileno=control_fd)
    control.set_inheritable(False)
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Neither a setuid program nor a debugger is a way past the supervisor.
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    Supervisor(control).run()


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
