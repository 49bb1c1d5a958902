"""Processes: how one is started, limited, followed and ended."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.base import Model, UtcTime
from contracts.sandbox.base import SandboxRequest, WorkspaceName

OUTPUT_MEDIA_TYPE = "application/x-ndjson"


Argument = Annotated[str, StringConstraints(max_length=131_071, pattern=r"^[^\x00]*$")]


EnvironmentName = Annotated[str, StringConstraints(max_length=1024, pattern=r"^[^=\x00]+$")]


ProcessId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class StreamName(StrEnum):
    """Which of a process's two outputs a chunk came from."""

    STDOUT = "stdout"
    STDERR = "stderr"


class ProcessState(StrEnum):
    """`ended` means that the process, and all it started, is gone and its output is complete."""

    RUNNING = "running"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a process ended; the limits are those of its `ProcessLimits`."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    TIMED_OUT = "timed_out"
    CPU_LIMIT = "cpu_limit"
    OUTPUT_LIMIT = "output_limit"
    MEMORY = "memory"
    PROCESS_LIMIT = "process_limit"
    CANCELLED = "cancelled"
    DISK_LIMIT = "disk_limit"
    LOST = "lost"
    """The sandbox itself was started anew, and all its processes with it."""


class ProcessLimits(SandboxRequest):
    """Limits of a process and all that it starts. Null asks for the sandbox's default.

    `wall_ms`, `cpu_ms`, `memory_mb`, `processes`, `output_mb` and `disk_mb` (what its workspace takes) hold for the
    whole tree, and end it; `open_files` and `file_mb` hold for each process in it, which then sees an error.
    """

    wall_ms: int | None = Field(default=None, ge=1)
    cpu_ms: int | None = Field(default=None, ge=1)
    memory_mb: int | None = Field(default=None, ge=1)
    processes: int | None = Field(default=None, ge=1)
    open_files: int | None = Field(default=None, ge=16)
    output_mb: int | None = Field(default=None, ge=1)
    file_mb: int | None = Field(default=None, ge=1)
    disk_mb: int | None = Field(default=None, ge=1)


class LimitChange(SandboxRequest):
    """Body of `PATCH /v1/processes/{id}/limits`: a limit that is named gets a new value while the process runs."""

    wall_ms: int | None = Field(default=None, ge=1)
    cpu_ms: int | None = Field(default=None, ge=1)
    memory_mb: int | None = Field(default=None, ge=1)
    processes: int | None = Field(default=None, ge=1)
    output_mb: int | None = Field(default=None, ge=1)
    disk_mb: int | None = Field(default=None, ge=1)


class ProcessStart(SandboxRequest):
    """Body of `POST /v1/processes`.

    A `process_id` chosen by the caller makes a repeat harmless: it returns the process that is there.
    `stdin` is written first; then standard input is closed, unless `stdin_open`.
    """

    workspace: WorkspaceName
    argv: tuple[Argument, ...] = Field(min_length=1, max_length=4096)
    env: dict[EnvironmentName, Argument] = Field(default_factory=dict, max_length=1024)
    cwd: str = Field(default=".", max_length=4096, description="Folder below the work tree.")
    stdin: str | None = None
    stdin_open: bool = False
    limits: ProcessLimits = ProcessLimits()
    name: str = Field(default="", max_length=128, description="For people; shown in lists and logs.")
    process_id: ProcessId | None = None


class ProcessUsage(Model):
    """What a process and all that it started use; after its end, what they used."""

    cpu_ms: int = Field(ge=0)
    memory_mb: float = Field(ge=0, description="Resident memory now.")
    memory_peak_mb: float = Field(ge=0, description="Highest resident memory that was sampled.")
    processes: int = Field(ge=0)
    output_bytes: int = Field(ge=0)
    disk_mb: float = Field(default=0, ge=0, description="What its workspace took at the last look.")


class Process(Model):
    """A process as it is now. `exit_code` is null if a signal ended it; then `signal` is its number."""

    process_id: ProcessId
    workspace: WorkspaceName
    name: str
    argv: tuple[str, ...]
    state: ProcessState
    paused: bool = Field(default=False, description="All of its tree is stopped; its wall time stands still.")
    reason: EndReason | None = None
    exit_code: int | None = None
    signal: int | None = None
    started_at: UtcTime
    ended_at: UtcTime | None = None
    duration_ms: int = Field(ge=0)
    limits: ProcessLimits
    usage: ProcessUsage
    stdout_bytes: int = Field(ge=0)
    stderr_bytes: int = Field(ge=0)
    output_truncated: bool = Field(description="It wrote more than was kept.")


class StdinWrite(SandboxRequest):
    """Body of `POST /v1/processes/{id}/stdin`."""

    text: str = ""
    close: bool = False


class SignalRequest(SandboxRequest):
    """Body of `POST /v1/processes/{id}/signal`: sent to the whole process group."""

    signal: Literal["SIGINT", "SIGTERM", "SIGKILL", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGSTOP", "SIGCONT"]


class OutputChunk(Model):
    """What one read of a stream gave; it need not end at the end of a line.

    `offset` counts the bytes of both streams in the order in which they were read, so `offset + size` of
    the last chunk seen is where to resume. Bytes that are no UTF-8 are replaced in `text`; `size` counts the original.
    """

    kind: Literal["chunk"] = "chunk"
    stream: StreamName
    offset: int = Field(ge=0)
    size: int = Field(ge=1)
    seen_at: UtcTime
    text: str


class OutputEnd(Model):
    """The last line of an output: nothing follows. With `follow=false`, the process may still run."""

    kind: Literal["end"] = "end"
    offset: int = Field(ge=0)
    process: Process


OutputRecord = Annotated[OutputChunk | OutputEnd, Field(discriminator="kind")]
