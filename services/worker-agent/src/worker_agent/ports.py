"""What the handlers need from outside, as Protocols, and the values that pass through them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from contracts.base import Model
from contracts.events.deliverables import StoredObject
from contracts.events.reporting import Report
from contracts.rpc import NextTask
from contracts.sandbox import (
    Checkout,
    FileEntry,
    LimitChange,
    OutputChunk,
    OutputEnd,
    Process,
    ProcessStart,
    PublishRequest,
    SandboxReadiness,
    StreamName,
    Workspace,
    WorkspaceDiff,
    WorkspacePublished,
    WorkspaceSource,
)
from contracts.tasks import Assignment
from contracts.workers import Heartbeat
from worker_agent.domain import AgentEnd, AttemptKey, AttemptRecord, Bundle, WorkerState


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A batch as it goes to the bus: its subject, `Nats-Msg-Id` and JSON. Never cut anew."""

    subject: str
    message_id: str
    message: bytes


@dataclass(frozen=True, slots=True)
class SpoolStats:
    """How much waits: events, their bytes, the bytes of all files, and when the oldest was spooled (ms since 1970)."""

    events: int
    bytes: int
    file_bytes: int
    oldest_ms: int | None


class EventSpool(Protocol):
    """Where events are kept until the broker has them."""

    @property
    def events(self) -> int:
        """Events that the broker does not have."""
        ...

    async def append(self, subject: str, payload: bytes, at_ms: int, *, reserved: bool = False) -> int:
        """Store one event on disk; returns its position. Raises SpoolFull, SpoolUnavailable, EventTooLarge."""
        ...

    def is_delivered(self, position: int) -> bool:
        """Whether the broker has the event at a position, and all that is older."""
        ...

    def stats(self) -> SpoolStats:
        """How much waits now."""
        ...


class OutgoingSpool(Protocol):
    """The other end of the spool: what is to be published."""

    async def wait_for_work(self) -> None:
        """Return when there is something to publish."""
        ...

    async def seal(self) -> list[SealedBatch]:
        """All batches to publish now, sealed on disk. Raises SpoolUnavailable."""
        ...

    def acknowledge(self, message_ids: Sequence[str]) -> None:
        """The broker has these batches."""
        ...


class Outbound(Protocol):
    """What leaves on the bus."""

    @property
    def connected(self) -> bool:
        """Whether the bus is there now."""
        ...

    async def wait_connected(self) -> None:
        """Return when the bus is there."""
        ...

    async def publish(self, batches: Sequence[SealedBatch]) -> list[bool]:
        """Publish sealed batches; says of each whether the broker has it."""
        ...

    async def heartbeat(self, heartbeat: Heartbeat) -> None:
        """Show that this worker lives. Lost when the bus is away."""
        ...

    async def end_session(self, worker_id: str, reason: str) -> None:
        """Say that this worker leaves."""
        ...

    async def round_trip_ms(self) -> float | None:
        """Time to the bus and back; None when it is away."""
        ...


class Services(Protocol):
    """The services of the platform, asked over the bus. Raises ServiceUnavailable, ServiceRefused."""

    async def ask(self, verb: str, request: Report, wait_ms: int = 0) -> Model:
        """The answer to a verb of `contracts.rpc.RPCS`; `wait_ms` is how long the service itself may wait with it."""
        ...

    async def next_task(self) -> NextTask:
        """What this worker will be given next, as things stand."""
        ...


class Journal(Protocol):
    """What must be known again after a crash. Every write is on disk when it returns."""

    async def save(self, record: AttemptRecord) -> None:
        """Write the state of an attempt."""
        ...

    async def load(self) -> list[AttemptRecord]:
        """All attempts that are known."""
        ...

    async def remove(self, key: AttemptKey) -> None:
        """Forget an attempt."""
        ...

    def mark_output(self, key: AttemptKey, offset: int) -> None:
        """Note how far the agent's output is reported; may be lost when the machine fails."""
        ...

    def output_mark(self, key: AttemptKey) -> int:
        """How far the agent's output was reported."""
        ...

    def mark_progress(self, key: AttemptKey, percent: float) -> None:
        """Note how much the agent says is done; may be lost when the machine fails."""
        ...

    def progress_mark(self, key: AttemptKey) -> float:
        """How much the agent said was done; 0 if it said nothing."""
        ...

    def mark_alive(self, now: datetime) -> None:
        """Note that this worker lives."""
        ...

    def last_alive(self) -> datetime | None:
        """When this worker was last known to live; None if it is new."""
        ...

    async def save_state(self, state: WorkerState) -> None:
        """Write what commands changed about this worker."""
        ...


class ObjectStore(Protocol):
    """Content that outlives a worker. Raises ObjectsUnavailable when it is away."""

    async def put(self, bucket: str, key: str, content: bytes, media_type: str) -> StoredObject:
        """Keep content under a key; the same key again replaces it."""
        ...

    async def get(self, bucket: str, key: str) -> bytes | None:
        """The content of a key; None when there is none."""
        ...


class SandboxBackend(Protocol):
    """Where agents and commands run. Raises SandboxUnavailable when it is away, SandboxRefused when it says no."""

    async def ready(self) -> SandboxReadiness:
        """Whether it can run something."""
        ...

    async def create_workspace(self, name: str, source: WorkspaceSource) -> Workspace:
        """Make a workspace; harmless when it is there."""
        ...

    async def find_workspace(self, name: str) -> Workspace | None:
        """A workspace as it is now."""
        ...

    async def remove_workspace(self, name: str) -> None:
        """Remove a workspace with all that runs in it; harmless when it is gone."""
        ...

    async def write_home_file(self, workspace: str, path: str, content: bytes) -> None:
        """Write a file below the private HOME of a workspace."""
        ...

    async def read_file(self, workspace: str, path: str, most_bytes: int) -> bytes:
        """A file of the work tree; SandboxRefused when it is not there, outside, or larger than that."""
        ...

    async def write_file(self, workspace: str, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write a file of the work tree, with the folders above it."""
        ...

    async def list_files(self, workspace: str, path: str = "", glob: str = "*", most: int = 1_000) -> list[FileEntry]:
        """Entries below a folder of the work tree whose path fits a pattern (`**` is any folders), at most so many."""
        ...

    async def pause(self, process_id: str) -> Process:
        """Stop a process and all that it started; its wall time stands still. Harmless when it is paused."""
        ...

    async def resume(self, process_id: str) -> Process:
        """Let a paused process go on; harmless when it is not paused."""
        ...

    async def change_limits(self, process_id: str, change: LimitChange) -> Process:
        """Change limits of a running process."""
        ...

    async def checkout(self, workspace: str, target: str) -> Checkout:
        """Make a clean checkout of what is in a workspace, as a second one."""
        ...

    async def diff(self, workspace: str) -> WorkspaceDiff:
        """What differs from where the work began."""
        ...

    async def publish(self, workspace: str, asked: PublishRequest) -> WorkspacePublished:
        """Commit the result and, if that is asked for, push it; harmless when that is done."""
        ...

    async def bundle(self, workspace: str, most_bytes: int) -> Bundle | None:
        """What the source does not have; None when there is nothing, SandboxRefused when it is larger than that."""
        ...

    async def start(self, start: ProcessStart) -> Process:
        """Start a process; with a process id that is known, return that process."""
        ...

    async def find(self, process_id: str) -> Process | None:
        """A process as it is now; None when the sandbox does not know it."""
        ...

    async def wait(self, process_id: str, timeout_ms: int) -> Process:
        """The process, when it has ended or the time is over."""
        ...

    async def stop(self, process_id: str, grace_ms: int) -> Process | None:
        """End a process and all that it started; returns when it is gone."""
        ...

    def output(
        self, process_id: str, offset: int
    ) -> AbstractAsyncContextManager[AsyncIterator[OutputChunk | OutputEnd]]:
        """Its output from an offset on, as it comes; the last item is the end, unless the connection broke."""
        ...


@dataclass(frozen=True, slots=True)
class AgentJob:
    """What an adapter gets to know about the attempt that it starts an agent for. Paths are those in the sandbox."""

    assignment: Assignment
    mcp_url: str
    mcp_token: str
    home: str = ""
    """The agent's private HOME."""
    folder: str = ""
    """The work tree, where it is started."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How an agent is started: command line, environment, files below its HOME, and its standard input."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    stdin: str | None = None


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A command that exits with 0 where an agent can run, and prints its version; or what is lacking without trying."""

    argv: tuple[str, ...]
    lacks: str | None = None


class AgentReader(Protocol):
    """Reads the output of one run, line by line. Nothing that an agent writes raises."""

    @property
    def finished(self) -> bool:
        """Whether the agent has said how its run ended, so that it has no reason to stay."""
        ...

    @property
    def hopeless(self) -> str | None:
        """Why the run can only be ended: it waits for a person, or began without its tools. None while it can go on."""
        ...

    def read(self, stream: StreamName, line: str, at: datetime | None) -> Sequence[Report]:
        """What a line, seen at that time, tells, as bodies of events; often one, or none."""
        ...

    def rest(self) -> Sequence[Report]:
        """What was kept back until more of it came, after the last line."""
        ...

    def end(self, process: Process) -> AgentEnd:
        """What the run was, after its last line."""
        ...


class AgentAdapter(Protocol):
    """One kind of agent: how it is started, and how its output is read."""

    @property
    def name(self) -> str:
        """The name in `requirements.agent` and in the capability `agent:<name>`."""
        ...

    def self_test(self) -> SelfTest:
        """How to find out whether this agent can run here."""
        ...

    def launch(self, job: AgentJob) -> Launch:
        """How to start it. Raises TaskUnusable when the task lacks what this agent needs."""
        ...

    def reader(self, assignment: Assignment) -> AgentReader:
        """A reader for one run."""
        ...
