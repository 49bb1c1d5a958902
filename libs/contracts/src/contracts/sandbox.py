"""The HTTP API of the sandbox: what the worker-agent sends over its Unix socket, and what comes back.

Requests refuse unknown fields. Answers ignore them, so that a newer sandbox may say more.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from contracts.base import Model, UtcTime

OUTPUT_MEDIA_TYPE = "application/x-ndjson"
BUNDLE_MEDIA_TYPE = "application/x-git-bundle"
CHANGES_MEDIA_TYPE = "application/gzip"
ARCHIVE_MEDIA_TYPES = tuple(f"application/{kind}" for kind in ("x-tar", "gzip", "x-gzip", "x-bzip2", "x-xz"))

WorkspaceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$", max_length=128)]
Argument = Annotated[str, StringConstraints(max_length=131_071, pattern=r"^[^\x00]*$")]
EnvironmentName = Annotated[str, StringConstraints(max_length=1024, pattern=r"^[^=\x00]+$")]
ProcessId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
GitRevision = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/@{}^~+-]{0,254}$")]


class SandboxRequest(Model):
    """What a caller sends: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


# ---------------------------------------------------------------- workspaces


class EmptySource(SandboxRequest):
    """Start with an empty folder."""

    kind: Literal["empty"] = "empty"


class DirectorySource(SandboxRequest):
    """Copy a folder of the sandbox's own machine (local development)."""

    kind: Literal["directory"] = "directory"
    path: str = Field(pattern=r"^/", max_length=4096, description="Absolute path of the folder.")


class GitSource(SandboxRequest):
    """Clone a git repository.

    `url` is a URL (https, http, ssh, git, file) or an absolute path. `ref` is where to start: a branch, tag or commit
    (default: `branch` if the repository has it, else the repository's HEAD). `branch` is the local branch that
    carries the result (default `mews/<workspace>`); it is created at `ref` when the repository does not have it.
    """

    kind: Literal["git"] = "git"
    url: str = Field(min_length=1, max_length=4096)
    ref: GitRevision | None = None
    branch: GitRevision | None = None
    depth: int | None = Field(default=None, ge=1, description="Shallow clone of this many commits.")


WorkspaceSource = Annotated[EmptySource | DirectorySource | GitSource, Field(discriminator="kind")]


class WorkspaceCreate(SandboxRequest):
    """Body of `PUT /v1/workspaces/{name}`; an archive is sent as the raw body instead (a tar, plain or compressed)."""

    source: WorkspaceSource = EmptySource()


class Workspace(Model):
    """A workspace as it is now. The paths are those that a process in it sees."""

    name: WorkspaceName
    path: str = Field(description="Absolute path of the work tree.")
    home: str = Field(description="Absolute path of the private HOME.")
    temporary: str = Field(description="Absolute path of TMPDIR.")
    source: Literal["empty", "directory", "git", "archive", "checkout"]
    git: bool = Field(description="Whether the work tree was made as a git repository.")
    base_commit: str | None = Field(
        default=None, description="Commit that the work starts from; null when it is no git repository."
    )
    branch: str | None = None
    created_at: UtcTime
    size_bytes: int = Field(ge=0, description="Bytes in the files of the work tree.")
    files: int = Field(ge=0)


class CheckoutRequest(SandboxRequest):
    """Body of `POST /v1/workspaces/{name}/checkout`: a clean checkout of the result, in a second workspace."""

    target: WorkspaceName
    message: str = Field(default="Record the uncommitted result", min_length=1, max_length=10_000)


class Checkout(Model):
    """The second workspace, and the commit it holds.

    `committed` says that uncommitted changes were found and put on the branch as the platform's own commit.
    """

    workspace: Workspace
    commit: str | None = None
    committed: bool


class PublishRequest(SandboxRequest):
    """Body of `POST /v1/workspaces/{name}/publish`: the result as a commit and, if wanted, on a branch of a remote.

    What is not committed is committed first, unless `commit` names what to publish. `url` may hold credentials: they
    are used for this one push, and never kept or shown.
    """

    push: bool = False
    url: str | None = Field(default=None, min_length=1, max_length=4096, description="Remote; needed to push.")
    branch: GitRevision | None = Field(default=None, description="Default: the branch of the workspace.")
    commit: GitRevision | None = Field(default=None, description="Publish this commit, not what is checked out.")
    message: str = Field(default="Record the uncommitted result", min_length=1, max_length=10_000)
    timeout_ms: int | None = Field(
        default=None, ge=1, description="Time for the push; default: as for any git command."
    )

    @model_validator(mode="after")
    def _push_needs_a_remote(self) -> "PublishRequest":
        if self.push and self.url is None:
            raise ValueError("url: needed to push")
        return self


class WorkspacePublished(Model):
    """What became of it. A push that failed is no error of the request: the commit is there, and `error` says why.

    `pushed` says whether the remote's branch is at the commit now; null: nothing was to be pushed.
    """

    branch: str
    commit: str | None = None
    committed: bool
    commits: tuple[str, ...] = Field(description="Commits from the base to the result, newest first, at most 1,000.")
    pushed: bool | None = None
    error: str | None = None


class FileChange(Model):
    """One path that differs from the base. The counts of lines are null for a binary file."""

    path: str
    previous_path: str | None = None
    status: Literal["added", "modified", "deleted", "renamed", "copied", "type_changed"]
    added_lines: int | None = None
    removed_lines: int | None = None


class WorkspaceDiff(Model):
    """What differs from the base, committed or not, new files too; what `.gitignore` names is left out."""

    base_commit: str | None = None
    head_commit: str | None = None
    files: tuple[FileChange, ...]
    truncated: bool = Field(description="More files differ than are listed.")
    files_changed: int
    added_lines: int
    removed_lines: int
    stat: str = Field(description="`git diff --stat`, to be read by a person.")


# ----------------------------------------------------------------- processes


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


# --------------------------------------------------------------------- files


class FileEntry(Model):
    """One entry of a workspace; `path` is relative to the area that was listed."""

    path: str
    kind: Literal["file", "directory", "symlink", "other"]
    size_bytes: int = Field(ge=0)
    executable: bool
    modified_at: UtcTime


# -------------------------------------------------------------------- health


class Protection(Model):
    """One protection: whether it is on, and in one sentence what that means here."""

    name: Literal["bubblewrap", "unprivileged", "rlimits", "process_count", "cgroup", "openat2", "undumpable"]
    on: bool
    detail: str


class SandboxReadiness(Model):
    """Answer of `/readyz`: ready with status 200, not ready with 503."""

    ready: bool
    detail: str
    protections: tuple[Protection, ...]
