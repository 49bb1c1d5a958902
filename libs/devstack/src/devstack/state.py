"""What runs, as the supervisor writes it down for the other commands."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from devstack.files import write_atomically
from devstack.processes import ProcessId, is_alive


class Phase(StrEnum):
    """How far a process, or the whole system, is."""

    waiting = "waiting"
    preparing = "preparing"
    starting = "starting"
    ready = "ready"
    restarting = "restarting"
    stopping = "stopping"
    stopped = "stopped"
    failed = "failed"


class Member(BaseModel):
    """One process; `address` is where it listens, `started_ticks` tells it from a later process with its pid."""

    model_config = ConfigDict(frozen=True)

    name: str
    phase: Phase
    address: str | None = None
    log: str
    pid: int | None = None
    started_ticks: int | None = None
    started_at: datetime | None = None
    restarts: int = 0

    @property
    def process(self) -> ProcessId | None:
        """The process, which may be gone by now."""
        if self.pid is None or self.started_ticks is None:
            return None
        return ProcessId(self.pid, self.started_ticks)


class State(BaseModel):
    """The whole system; `reason` says why it failed."""

    model_config = ConfigDict(frozen=True)

    phase: Phase
    pid: int
    started_ticks: int
    started_at: datetime
    ready_at: datetime | None = None
    gateway_url: str
    workers: int
    members: tuple[Member, ...]
    reason: str | None = None

    @property
    def supervisor(self) -> ProcessId:
        """The supervisor, which may be gone by now."""
        return ProcessId(self.pid, self.started_ticks)

    @property
    def is_supervised(self) -> bool:
        """Whether the supervisor that wrote this still runs."""
        return is_alive(self.supervisor)


def read_state(path: Path) -> State | None:
    """The last state written, or None where there is none that can be read."""
    try:
        return State.model_validate_json(path.read_text())
    except (FileNotFoundError, ValidationError):
        return None


def write_state(path: Path, state: State) -> None:
    """Write the state for other processes to read."""
    write_atomically(path, state.model_dump_json(indent=2) + "\n")
