"""What the three servers have in common: start, wait until it answers, stop, any number of times."""

import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devstack.errors import DevstackError
from devstack.ports import free_port, is_free
from devstack.privilege import Identity
from devstack.processes import ProcessId, identify, spawn, stop
from devstack.waiting import poll

READY_WITHIN_S = 20.0
LOG_TAIL_LINES = 12


@dataclass(frozen=True)
class ServerInfo:
    """Where a server listens and how to get in; `pid` is None when somebody else runs it."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    pid: int | None = None


class Server(ABC):
    """One server over one data directory. Not thread-safe; start it from a thread that outlives it."""

    name = "server"
    stop_signal = signal.SIGTERM
    death_signal = signal.SIGTERM

    def __init__(
        self, data_dir: Path, *, port: int | None = None, host: str = "127.0.0.1", log: Path | None = None
    ) -> None:
        self.data_dir = data_dir
        self.host = host
        self.log = log or data_dir.with_name(data_dir.name + ".log")
        self._fixed_port = port
        self._port: int | None = port
        self._child: subprocess.Popen[bytes] | None = None
        self._process: ProcessId | None = None

    @property
    def info(self) -> ServerInfo:
        """Where it listens; only known after the first start."""
        return ServerInfo(self.host, self.port, pid=self._process.pid if self._process else None)

    @property
    def port(self) -> int:
        """Its port, the same over all restarts."""
        if self._port is None:
            raise DevstackError(f"{self.name} has never been started")
        return self._port

    @property
    def process(self) -> ProcessId | None:
        """The running process, if there is one."""
        running = self._child is not None and self._child.poll() is None
        return self._process if running else None

    def start(self, within: float = READY_WITHIN_S) -> ServerInfo:
        """Make the data directory if need be, start the server, and return when it answers."""
        self.prepare()
        self.launch()
        self.await_ready(within)
        return self.info

    def prepare(self) -> None:
        """What must be there before the first start; may take seconds, and may run in any thread."""
        self.data_dir.mkdir(parents=True, exist_ok=True)

    def launch(self) -> None:
        """Start the process without waiting for it; nothing happens if it runs."""
        if self.process:
            return
        if self._port is None or (self._fixed_port is None and not is_free(self.host, self._port)):
            self._port = free_port(self.host)
        self.clear_remains()
        self._child = spawn(
            self.command(),
            output=self.log,
            cwd=self.data_dir,
            identity=self.identity(),
            death_signal=self.death_signal,
        )
        self._process = identify(self._child.pid)

    def await_ready(self, within: float = READY_WITHIN_S) -> None:
        """Return when the server answers; raise with the end of its log when it does not."""
        if poll(lambda: self.answers() or self.process is None, within) and self.process:
            return
        self.stop()
        raise DevstackError(f"{self.name} did not start on port {self.port}; {self.log} ends:\n{self._log_tail()}")

    def stop(self) -> None:
        """End it in good order, or by force when that takes too long. Idempotent."""
        if self._process:
            stop(self._process, first=self.stop_signal)
        if self._child:
            self._child.wait()
        self._child = self._process = None

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL, no goodbye)."""
        if self._child:
            self._child.kill()
            self._child.wait()
        self._child = self._process = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The program and its arguments."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves requests now."""

    def identity(self) -> Identity | None:
        """The user it runs as, None for the present one."""
        return None

    def clear_remains(self) -> None:
        """Remove what a killed predecessor left and a successor would stumble over; most servers see to it."""
        return

    def _log_tail(self) -> str:
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
