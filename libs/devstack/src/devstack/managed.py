"""A process under devstack's care: a server or a service; start, wait until it answers, stop, any number of times."""

import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack.errors import DevstackError
from devstack.privilege import Identity
from devstack.processes import ProcessId, identify, spawn, stop
from devstack.waiting import poll

READY_WITHIN_S = 20.0
LOG_TAIL_LINES = 12


class Managed(ABC):
    """One process and its log. Not thread-safe; launch it from a thread that outlives it."""

    stop_signal = signal.SIGTERM
    death_signal = signal.SIGTERM

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._process: ProcessId | None = None

    @property
    def process(self) -> ProcessId | None:
        """The running process, if there is one."""
        running = self._child is not None and self._child.poll() is None
        return self._process if running else None

    @property
    def exit_code(self) -> int | None:
        """How the process that was launched last ended (negative: by that signal), None while it runs."""
        return self._child.poll() if self._child else None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The program and its arguments."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves requests now; returns within about a second."""

    def prepare(self) -> None:
        """What must be done once before it is launched; may take seconds, and may run in any thread."""
        return

    def clear_remains(self) -> None:
        """Remove what a killed predecessor left and a successor would stumble over; most have nothing of the kind."""
        return

    def identity(self) -> Identity | None:
        """The user it runs as, None for the present one."""
        return None

    def environment(self) -> Mapping[str, str] | None:
        """Its whole environment, None for the present one."""
        return None

    def working_dir(self) -> Path | None:
        """The folder in which it starts, None for the present one."""
        return None

    def bring_up(self, within: float = READY_WITHIN_S) -> None:
        """Prepare, launch, and return when it answers."""
        self.prepare()
        self.launch()
        self.await_ready(within)

    def launch(self) -> None:
        """Start the process without waiting for it; nothing happens if it runs."""
        if self.process:
            return
        self.clear_remains()
        self._child = spawn(
            self.command(),
            output=self.log,
            env=self.environment(),
            cwd=self.working_dir(),
            identity=self.identity(),
            death_signal=self.death_signal,
        )
        self._process = identify(self._child.pid)

    def await_ready(self, within: float = READY_WITHIN_S) -> None:
        """Return when it answers; raise with the end of its log when it does not."""
        if poll(lambda: self.answers() or self.process is None, within) and self.process:
            return
        self.stop()
        raise self.failure("did not become ready")

    def failure(self, what: str) -> DevstackError:
        """An error that shows the end of the log."""
        return DevstackError(f"{self.name} {what}; {self.log} ends:\n{self._log_tail()}")

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

    def _log_tail(self) -> str:
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
